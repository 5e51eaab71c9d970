import Bytes
import CLinux
import FUSEProtocol
import FUSEServer
import Foundation
import Linux
import TestSupport
import Testing

/// A tree seen through the kernel, by ordinary system calls.
@Suite(.enabled(if: canMount), .timeLimit(.minutes(2)))
struct MountedTreeTests {
  private static let names = (0..<2000).map { "entry number \($0)" }

  /// A few hundred files of all kinds and sizes, and a directory of 2,000.
  private static func makeTree() -> MemoryFilesystem {
    var generator = SeededGenerator(for: "MountedTreeTests")
    var tree = TreeBuilder()
    for size in [0, 1, 4095, 4096, 4097, 131_072, 1_048_577, 3_000_000] {
      tree.add("size \(size)", .init(mode: 0o100644, data: generator.bytes(count: size)))
    }
    let nested = tree.add("nested", .init(mode: 0o040750, userID: 1000))
    for index in 0..<300 {
      let size = Int(generator.next() % 9000)
      tree.add(
        "file\(index)", .init(mode: 0o100600, data: generator.bytes(count: size)),
        to: nested)
    }
    let big = tree.add("big", .init(mode: 0o040755))
    for name in names { tree.add(name, .init(mode: 0o100444, data: Array(name.utf8)), to: big) }
    tree.add("link", .init(mode: 0o120777, data: Array("nested/file7".utf8)))
    tree.add("dangling", .init(mode: 0o120777, data: Array("no/where".utf8)))
    tree.add(
      "null", .init(mode: 0o020666, deviceNumber: NodeAttributes.deviceNumber(major: 1, minor: 3)))
    tree.add(
      "disk",
      .init(mode: 0o060660, deviceNumber: NodeAttributes.deviceNumber(major: 259, minor: 70_000)))
    tree.add("pipe", .init(mode: 0o010644))
    tree.add("socket", .init(mode: 0o140755))
    tree.add("old", .init(mode: 0o104755, seconds: -86_400))
    tree.add(
      "tagged",
      .init(
        mode: 0o100644,
        attributes: [
          ("user.color", Array("green".utf8)), ("user.empty", []),
          ("user.large", generator.bytes(count: 4000)),
        ]))
    return MemoryFilesystem(tree.files)
  }

  @Test func `every file is what the filesystem says it is`() throws {
    let filesystem = Self.makeTree()
    try withMount(of: filesystem) { root, session in
      try compare(filesystem, 0, path: root)
      #expect(session.counts.lostReplyCount == 0)
      #expect(session.counts.requestCount > 0)
    }
  }

  private func compare(_ filesystem: MemoryFilesystem, _ index: Int, path: String) throws {
    let expected = filesystem.files[index]
    var status = stat()
    try #require(lstat(path, &status) == 0, "\(path): \(Errno.current)")
    #expect(status.st_mode == expected.mode)
    #expect(status.st_ino == UInt(index + 1))
    #expect(status.st_size == expected.data.count)
    #expect(status.st_uid == expected.userID)
    #expect(status.st_mtim.tv_sec == Int(expected.seconds))
    #expect(status.st_mtim.tv_nsec == 123_456_789)
    #expect(status.st_blksize == 4096)
    switch NodeType(mode: expected.mode) {
    case .directory:
      let found = try FileManager.default.contentsOfDirectory(atPath: path)
      #expect(Set(found).count == found.count)
      #expect(Set(found) == Set(expected.children.map { String(decoding: $0.name, as: UTF8.self) }))
      for child in expected.children {
        try compare(
          filesystem, child.node, path: "\(path)/\(String(decoding: child.name, as: UTF8.self))")
      }
    case .regular:
      #expect(try Data(contentsOf: URL(filePath: path)) == Data(expected.data))
    case .symbolicLink:
      let target = try FileManager.default.destinationOfSymbolicLink(atPath: path)
      #expect(Array(target.utf8) == expected.data)
    case .characterDevice, .blockDevice:
      #expect(
        NodeAttributes.deviceNumber(
          major: gnu_dev_major(status.st_rdev), minor: gnu_dev_minor(status.st_rdev))
          == expected.deviceNumber)
      #expect(open(path, O_RDONLY) == -1)
    default:
      break
    }
  }

  @Test func `extended attributes are listed and read, and absent ones are ENODATA`() throws {
    let filesystem = Self.makeTree()
    try withMount(of: filesystem) { root, _ in
      let path = "\(root)/tagged"
      var buffer = [UInt8](repeating: 0, count: 8192)
      let size = listxattr(path, nil, 0)
      let expected = Array("user.color\0user.empty\0user.large\0".utf8)
      #expect(size == expected.count)
      let count = buffer.withUnsafeMutableBytes { listxattr(path, $0.baseAddress, $0.count) }
      #expect(Array(buffer.prefix(count)) == expected)
      for (name, value) in filesystem.files[filesystem.files.count - 1].attributes {
        #expect(getxattr(path, name, nil, 0) == value.count)
        let count = getxattr(path, name, &buffer, buffer.count)
        #expect(count == value.count)
        #expect(Array(buffer.prefix(value.count)) == value)
      }
      #expect(getxattr(path, "user.large", &buffer, 100) == -1)
      #expect(Errno.current == .outOfRange)
      #expect(getxattr(path, "user.none", &buffer, 100) == -1)
      #expect(Errno.current == .noData)
      #expect(listxattr("\(root)/null", nil, 0) == 0)
    }
  }

  @Test func `nothing can be written, nothing is asked twice`() throws {
    let filesystem = Self.makeTree()
    try withMount(of: filesystem) { root, _ in
      #expect(open("\(root)/size 4096", O_WRONLY) == -1)
      #expect(Errno.current == .readOnlyFilesystem)
      #expect(mkdir("\(root)/new", 0o755) == -1)
      #expect(Errno.current == .readOnlyFilesystem)
      #expect(unlink("\(root)/link") == -1)
      #expect(Errno.current == .readOnlyFilesystem)
      #expect(setxattr("\(root)/tagged", "user.a", "b", 1, 0) == -1)
      #expect(Errno.current == .readOnlyFilesystem)
      var status = stat()
      func ask() throws {
        #expect(stat("\(root)/absent", &status) == -1)
        #expect(Errno.current == .noSuchFile)
        #expect(stat("\(root)/link", &status) == 0)
        #expect(try Data(contentsOf: URL(filePath: "\(root)/link")).count == status.st_size)
      }
      try ask()
      let first = filesystem.counts.withLock { $0 }
      for _ in 0..<10 { try ask() }
      #expect(filesystem.counts.withLock { $0 } == first)
    }
  }

  @Test func `a big directory comes whole, from any position`() throws {
    let filesystem = Self.makeTree()
    try withMount(of: filesystem) { root, _ in
      let directory = try #require(opendir("\(root)/big"))
      defer { closedir(directory) }
      var names: [String] = []
      var places: [Int] = []
      while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        names.append(name)
        places.append(telldir(directory))
      }
      #expect(names == [".", ".."] + Self.names)
      for index in [1, 700, 1999] {
        seekdir(directory, places[index])
        let entry = try #require(readdir(directory))
        #expect(entry.pointee.d_off == places[index + 1])
      }
    }
  }

  @Test func `a listing saves looking its entries up`() throws {
    let filesystem = Self.makeTree()
    try withMount(of: filesystem) { root, _ in
      let names = try FileManager.default.contentsOfDirectory(atPath: "\(root)/big")
      #expect(names.count == 2000)
      let before = filesystem.counts.withLock { $0 }
      #expect(before["list"] == nil)
      var status = stat()
      for name in Self.names { #expect(lstat("\(root)/big/\(name)", &status) == 0) }
      #expect(filesystem.counts.withLock { $0 } == before)
    }
  }

  @Test func `many threads read the same and different files at once`() throws {
    let filesystem = Self.makeTree()
    try withMount(of: filesystem) { root, session in
      let mismatches = Lock(0)
      let threads = try (0..<8).map { number in
        try Thread(name: "reader") {
          for round in 0..<20 {
            let index = 1 + (number * 7 + round * 13) % 308
            let file = filesystem.files[index]
            guard file.mode >> 12 == 8 else { continue }
            let name = String(
              decoding: filesystem.files[file.parent].children.first { $0.node == index }?.name
                ?? [], as: UTF8.self)
            let path = file.parent == 0 ? "\(root)/\(name)" : "\(root)/nested/\(name)"
            let data = try? Data(contentsOf: URL(filePath: path))
            if data != Data(file.data) { mismatches.withLock { $0 += 1 } }
          }
        }
      }
      for thread in threads { thread.join() }
      #expect(mismatches.withLock { $0 } == 0)
      #expect(session.counts.lostReplyCount == 0)
    }
  }

  @Test func `statistics come from the filesystem`() throws {
    let filesystem = Self.makeTree()
    try withMount(of: filesystem) { root, _ in
      var statistics = statvfs()
      #expect(statvfs(root, &statistics) == 0)
      #expect(statistics.f_blocks == 12345)
      #expect(statistics.f_bfree == 0)
      #expect(statistics.f_files == UInt(filesystem.files.count))
      #expect(statistics.f_namemax == 255)
      #expect(statistics.f_flag & UInt(ST_RDONLY) != 0)
    }
  }

  @Test func `one thread and opens with handles work as well`() throws {
    let filesystem = Self.makeTree()
    let options = ServingOptions(
      threadCount: 1, threadCountMax: 1, timeouts: .none, handleless: false)
    try withMount(of: filesystem, options: options) { root, session in
      try compare(filesystem, 0, path: root)
      #expect(session.counts.lostReplyCount == 0)
    }
  }
}
