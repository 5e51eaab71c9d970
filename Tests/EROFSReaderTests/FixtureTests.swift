import Bytes
import Codecs
import EROFS
import EROFSReader
import TestSupport
import Testing

@Suite(.enabled(if: SharedData.hasFixtures)) struct FixtureTests {
  @Test func `every reference image is in the list of them`() throws {
    #expect(try SharedData.indexedNames() == SharedData.imageNames)
  }

  @Test(arguments: SharedData.imageNames)
  func `shows what the kernel shows`(name: String) throws {
    let image = try Fixtures.image(name)
    var expected = try Fixtures.manifest(of: name)
    #expect(expected.count == 1034)
    var walk = TreeWalk(image)
    var previous: [UInt8]?
    while let entry = try walk.next() {
      if let previous { #expect(previous.lexicographicallyPrecedes(entry.path)) }
      previous = entry.path
      let path = entry.path.isEmpty ? "." : String(decoding: entry.path, as: UTF8.self)
      let known = expected.removeValue(forKey: path)
      let wanted = try #require(known, "unexpected \(path)")
      try compare(entry.inode, with: wanted, path, in: image)
    }
    #expect(expected.isEmpty)
  }

  private func compare(
    _ inode: Inode, with wanted: ManifestEntry, _ path: String, in image: Image
  ) throws {
    let path = Comment(rawValue: path)
    #expect(inode.mode == wanted.mode, path)
    #expect(inode.userID == wanted.userID, path)
    #expect(inode.groupID == wanted.groupID, path)
    #expect(inode.linkCount == wanted.linkCount, path)
    let time = inode.modificationTime
    #expect(
      time.seconds * 1_000_000_000 + Int64(time.nanoseconds) == wanted.modificationTime, path)
    if let byteCount = wanted.byteCount { #expect(inode.byteCount == byteCount, path) }
    if let device = wanted.device { #expect(inode.deviceNumber == device, path) }
    if let target = wanted.target {
      #expect(try image.symbolicLinkTarget(inode) == Array(target.utf8), path)
    }
    if let digest = wanted.digest {
      for pieceByteCount in [1 << 20, 4096, 10_007] {
        let content = try image.content(of: inode, pieceByteCount: pieceByteCount)
        let hash = SHA256.digest(of: content.rawSpan)
        #expect(hash.hex == digest, "\(path) in pieces of \(pieceByteCount)")
        if let recorded = try image.fingerprint(of: inode) { #expect(recorded == hash, path) }
      }
      try checkExtents(of: inode, in: image, path)
    }
    let attributes = try image.extendedAttributes(inode)
    let shown = Dictionary(
      uniqueKeysWithValues: attributes.map {
        (String(decoding: $0.name, as: UTF8.self), $0.value.hex)
      })
    #expect(shown == wanted.attributes, path)
    for attribute in attributes {
      let found = try image.extendedAttribute(named: attribute.name.rawSpan, of: inode)
      #expect(found == attribute.value, path)
    }
    #expect(try image.extendedAttribute(named: Array("user.no".utf8).rawSpan, of: inode) == nil)
  }

  private func checkExtents(of inode: Inode, in image: Image, _ path: Comment) throws {
    var position: UInt64 = 0
    for extent in try image.extents(of: inode) {
      #expect(extent.fileOffset == position, path)
      position = extent.fileEnd
    }
    #expect(position == inode.byteCount, path)
  }

  @Test(arguments: ["fingerprint-lz4", "fingerprint-trusted"])
  func `every file with content has its digest as fingerprint`(name: String) throws {
    let image = try Fixtures.image(name)
    let expected = try Fixtures.manifest(of: name)
    var walk = TreeWalk(image)
    var count = 0
    while let entry = try walk.next() {
      let isRegular = entry.inode.fileType == .regular && entry.inode.byteCount > 0
      let path = String(decoding: entry.path, as: UTF8.self)
      let fingerprint = try image.fingerprint(of: entry.inode)
      #expect(fingerprint?.hex == (isRegular ? expected[path]?.digest : nil))
      if fingerprint != nil { count += 1 }
    }
    #expect(count == 176)
    #expect(try Fixtures.image("plain").superblock.fingerprintPrefix == nil)
  }

  @Test func `maps tables of extents to where each stream starts`() throws {
    let source = try SharedData.bytes(of: "48bit-zstd.erofs")
    let image = try Fixtures.image("48bit-zstd")
    var walk = TreeWalk(image)
    var streamCount = 0
    while let entry = try walk.next() {
      guard entry.inode.fileType == .regular else { continue }
      for extent in try image.extents(of: entry.inode) where extent.kind == .compressed(.zstd) {
        let stored = source[Int(extent.storedOffset)...].prefix(Int(extent.storedByteCount))
        #expect(stored.drop { $0 == 0 }.starts(with: [0x28, 0xB5, 0x2F, 0xFD]))
        streamCount += 1
      }
    }
    #expect(streamCount > 50)
  }

  @Test func `a directory of 900 files is found by name and read from any cookie`() throws {
    for name in ["plain", "plain-b512", "48bit-plain", "lz4-dirs"] {
      let image = try Fixtures.image(name)
      let root = try image.inode(image.superblock.rootNID)
      var subdirectories: [Inode] = [root]
      try image.readDirectory(root, from: 0) { entry, _ in
        if entry.typeHint == .directory, let inode = try? image.inode(entry.nid) {
          subdirectories.append(inode)
        }
        return true
      }
      for directory in subdirectories {
        var entries: [(entry: DirectoryEntry, cookie: UInt64)] = []
        try image.readDirectory(directory, from: 0) { entry, next in
          entries.append((entry, next))
          return true
        }
        let names = Set(entries.map { $0.entry.name })
        #expect(names.contains(FileName(".")) && names.contains(FileName("..")))
        for (index, item) in entries.enumerated() {
          let found = try image.lookUp(item.entry.name.bytes.rawSpan, in: directory)
          #expect(found == item.entry)
          let absent = FileName(item.entry.name.bytes + [1])
          #expect(try image.lookUp(absent.bytes.rawSpan, in: directory) == nil)
          var following: DirectoryEntry?
          try image.readDirectory(directory, from: item.cookie) { entry, _ in
            following = entry
            return false
          }
          #expect(following == (index + 1 < entries.count ? entries[index + 1].entry : nil))
        }
      }
    }
  }
}
