import Bytes
import Codecs
import EROFS
import EROFSReader
import TestSupport
import Testing

@Suite struct EncodedExtentTests {
  /// A file of three extents of 16 KiB, the last one short: LZ4, a hole or LZ4, not compressed.
  @Test(arguments: [4, 8, 16, 32])
  func `reads tables of extents of every record length`(recordByteCount: Int) throws {
    var image = HandmadeImage(blockCount: 16, features: 0x81)
    image.putRoot(files: ["f"])
    var content = HandmadeImage.text(count: 36_000)
    let hasHole = recordByteCount != 4
    if hasHole { for index in 16384..<32768 { content[index] = 0 } }
    let first = LZ4.encode(Array(content[..<16384]).rawSpan) ?? []
    let second = hasHole ? [] : LZ4.encode(Array(content[16384..<32768]).rawSpan) ?? []
    let last = Array(content[32768...])

    // Back to back from an odd place on, as fixed-input encoders write them.
    let start = 2 * 4096 + 77
    image.put(first + second + last, at: start)
    let sizes = [first.count | 1 << 28, hasHole ? 0 : second.count | 1 << 28, last.count]
    let addresses = [start, hasHole ? 0 : start + first.count, start + first.count + second.count]
    var table = ByteWriter()
    if recordByteCount == 4 { table.append(UInt64(start)) }
    for index in 0..<3 {
      table.append(UInt32(sizes[index]))
      if recordByteCount >= 8 { table.append(UInt32(addresses[index])) }
      if recordByteCount >= 16 {
        table.append(UInt32(0))
        table.append(UInt32(index * 16384))
      }
      if recordByteCount == 32 { table.append([UInt8](repeating: 0, count: 16)) }
    }
    var file = ByteWriter()
    file.append(HandmadeImage.inode(layout: 1, byteCount: content.count))
    let widthBits = UInt16(recordByteCount.trailingZeroBitCount - 2)
    file.append(UInt32(3))
    file.append(UInt16(1) | widthBits << 1)
    file.append(recordByteCount > 8 ? UInt16(0) : UInt16(2) << 8)
    file.pad(toMultipleOf: recordByteCount)
    file.append(table.bytes)
    image.put(file.bytes, inSlot: 1)

    let opened = try image.open()
    for pieceByteCount in [1 << 20, 5000, 16384] {
      let read = try #require(
        try opened.content(ofFile: "f", pieceByteCount: pieceByteCount))
      #expect(difference(read, content) == nil)
    }
    let inode = try #require(try opened.resolve(path: [FileName("f")]))
    let kinds = try opened.extents(of: inode).map(\.kind)
    #expect(kinds == [.compressed(.lz4), hasHole ? .hole : .compressed(.lz4), .plain])
  }

  @Test func `refuses extents out of order or behind the end`() throws {
    for starts in [[0, 8192, 4096], [4096, 8192, 12288], [0, 4096, 1 << 20]] {
      var image = HandmadeImage(blockCount: 8, features: 0x81)
      image.putRoot(files: ["f"])
      var file = ByteWriter()
      file.append(HandmadeImage.inode(layout: 1, byteCount: 20_000))
      file.append(UInt32(3))
      file.append(UInt16(1 | 2 << 1))
      file.append(UInt16(0))
      file.pad(toMultipleOf: 16)
      for start in starts {
        for field in [0, 0, 0, start] { file.append(UInt32(field)) }
      }
      image.put(file.bytes, inSlot: 1)
      let opened = try image.open()
      let error = #expect(throws: ReadError.self) { try opened.content(ofFile: "f") }
      guard case .format(let format) = error, case .badExtent = format.code else {
        Issue.record("\(starts): \(String(describing: error))")
        continue
      }
    }
  }
}

@Suite struct InterlacedTests {
  @Test func `turns rotated blocks back`() throws {
    // One compressed extent up to byte 5000, then one of 4000 bytes in a rotated block.
    var image = HandmadeImage(blockCount: 8, features: 0x21)
    image.putRoot(files: ["f"])
    let content = HandmadeImage.text(count: 9000)
    let encoded = LZ4.encode(Array(content[..<5000]).rawSpan) ?? []
    image.put(encoded, at: 3 * 4096 - encoded.count)
    for position in 5000..<9000 { image.bytes[3 * 4096 + position % 4096] = content[position] }
    var file = ByteWriter()
    file.append(HandmadeImage.inode(layout: 1, byteCount: content.count))
    file.append(UInt32(0))
    file.append(UInt16(0x10))
    file.append(UInt16(0))
    file.append(UInt64(0))
    for (kind, offset, value) in [(1, 0, 2), (0, 904, 3), (2, 0, 1)] {
      file.append(UInt16(kind))
      file.append(UInt16(offset))
      file.append(UInt32(value))
    }
    image.put(file.bytes, inSlot: 1)
    let opened = try image.open()
    for pieceByteCount in [1 << 20, 100, 4096, 7777] {
      let read = try #require(
        try opened.content(ofFile: "f", pieceByteCount: pieceByteCount))
      #expect(difference(read, content) == nil)
    }
  }
}

@Suite struct MetaboxTests {
  @Test func `reads inodes, tails and inline clusters out of the metabox`() throws {
    let box: UInt64 = 1 << 63
    let text = HandmadeImage.text(count: 3000)
    let encoded = LZ4.encode(text.rawSpan) ?? []
    var content = [UInt8](repeating: 0, count: 8192)
    func put(_ part: [UInt8], at offset: Int) {
      content.replaceSubrange(offset..<offset + part.count, with: part)
    }
    put(
      HandmadeImage.directory([
        (".", box, .directory), ("..", box, .directory), ("packed", box | 128, .regular),
        ("tail", box | 16, .regular),
      ]), at: 0)
    put(
      HandmadeImage.inode(layout: 2, byteCount: 4096 + 5, union: 6) + Array("inner".utf8), at: 512)
    var packed = ByteWriter()
    packed.append(HandmadeImage.inode(layout: 1, byteCount: text.count))
    packed.append(UInt16(0))
    packed.append(UInt16(encoded.count))
    packed.append(UInt16(8))
    packed.append(UInt16(0))
    packed.append(UInt64(0))
    packed.append(UInt64(1))
    packed.append(encoded)
    put(packed.bytes, at: 4096)

    var image = HandmadeImage(blockCount: 8, features: 0x191)
    image.setField(UInt8(1), at: 13)
    image.setField(box, at: 112)
    image.setField(HandmadeImage.nid(ofSlot: 2), at: 128)
    image.put(HandmadeImage.inode(layout: 0, byteCount: content.count, union: 3), inSlot: 2)
    image.put(content, at: 3 * 4096)
    image.put(HandmadeImage.text(count: 4096), at: 6 * 4096)
    let opened = try image.open()
    #expect(
      try opened.content(ofFile: "tail") == HandmadeImage.text(count: 4096) + Array("inner".utf8))
    #expect(try opened.content(ofFile: "packed") == text)
    var walk = TreeWalk(opened)
    var paths: [String] = []
    while let entry = try walk.next() { paths.append(String(decoding: entry.path, as: UTF8.self)) }
    #expect(paths == ["", "packed", "tail"])
  }

  @Test func `a metabox that lies in itself is an error`() throws {
    var image = HandmadeImage(blockCount: 4, features: 0x180)
    image.setField(UInt8(1), at: 13)
    image.setField(UInt64(1) << 63, at: 112)
    image.setField(UInt64(1) << 63, at: 128)
    #expect(throws: ReadError.self) { try image.open() }
  }
}

@Suite struct TreeTests {
  @Test func `a directory that omits its own entry still shows it`() throws {
    var image = HandmadeImage(blockCount: 3, features: 0x80)
    image.put(
      HandmadeImage.directory(
        [("..", 0, .directory), ("f", HandmadeImage.nid(ofSlot: 1), .regular)], formatBits: 0x10),
      inSlot: 0)
    image.put(HandmadeImage.inode(layout: 0, byteCount: 0), inSlot: 1)
    let opened = try image.open()
    let root = try opened.inode(0)
    var names: [FileName] = []
    var cookie: UInt64 = 0
    for _ in 0..<5 {
      try opened.readDirectory(root, from: cookie) { entry, next in
        names.append(entry.name)
        cookie = next
        return false
      }
    }
    #expect(names == ["..", "f", "."].map { FileName($0) })
    let dot = Array(".".utf8)
    #expect(try opened.lookUp(dot.rawSpan, in: root)?.nid == 0)
  }

  @Test func `a directory within itself is reported and the walk goes on`() throws {
    var image = HandmadeImage(blockCount: 3, features: 0)
    image.put(
      HandmadeImage.directory([
        (".", 0, .directory), ("..", 0, .directory), ("again", 0, .directory),
        ("f", HandmadeImage.nid(ofSlot: 1), .regular),
      ]), inSlot: 0)
    image.put(HandmadeImage.inode(layout: 0, byteCount: 0), inSlot: 1)
    var walk = TreeWalk(try image.open())
    #expect(try walk.next()?.path == [])
    #expect(throws: ReadError.format(EROFSError(.directoryLoop, at: 0))) { try walk.next() }
    #expect(try walk.next()?.path == Array("f".utf8))
    #expect(try walk.next() == nil)
  }

  @Test func `paths come in order of their bytes, not of their names`() throws {
    var image = HandmadeImage(blockCount: 3, features: 0)
    let inner = HandmadeImage.nid(ofSlot: 1)
    let empty = HandmadeImage.nid(ofSlot: 2)
    image.put(
      HandmadeImage.directory([
        (".", 0, .directory), ("..", 0, .directory), ("a", inner, .directory),
        ("a-b", empty, .regular), ("a0", empty, .regular),
      ]), inSlot: 0)
    image.put(
      HandmadeImage.directory([
        (".", inner, .directory), ("..", 0, .directory), ("x", empty, .regular),
      ]), inSlot: 1)
    image.put(HandmadeImage.inode(layout: 0, byteCount: 0), inSlot: 2)
    var walk = TreeWalk(try image.open())
    var paths: [String] = []
    while let entry = try walk.next() { paths.append(String(decoding: entry.path, as: UTF8.self)) }
    #expect(paths == ["", "a", "a-b", "a/x", "a0"])
  }

  @Test func `the root must be a directory`() throws {
    var image = HandmadeImage(blockCount: 3, features: 0)
    image.put(HandmadeImage.inode(layout: 0, byteCount: 0), inSlot: 0)
    let error = #expect(throws: ReadError.self) { try image.open() }
    #expect(error == .format(EROFSError(.badSuperblock("root is not a directory"), at: 0)))
  }
}

@Suite struct DeviceTests {
  /// A file in blocks that the table gives to a device, and one whose chunks name the device.
  private static func image(blockCount: Int) -> HandmadeImage {
    var image = HandmadeImage(blockCount: blockCount, features: 0x0C)
    image.putRoot(files: ["chunked", "unified"])
    image.setField(UInt16(1), at: 86)
    image.setField(UInt16(9), at: 88)
    image.set(UInt32(3), at: 1152 + 64)
    image.set(UInt32(10), at: 1152 + 68)
    var chunked = HandmadeImage.inode(layout: 4, byteCount: 5000, union: 0x20)
    for block in [1, 0] as [UInt64] { chunked += withBytes(block << 32 | 1 << 16) }
    image.put(chunked, inSlot: 1)
    image.put(HandmadeImage.inode(layout: 0, byteCount: 9000, union: 10), inSlot: 2)
    return image
  }

  private static func withBytes(_ value: UInt64) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(value)
    return writer.bytes
  }

  private static func check(_ image: Image, _ device: [UInt8]) throws {
    #expect(try image.content(ofFile: "unified") == Array(device[..<9000]))
    #expect(
      try image.content(ofFile: "chunked") == Array(device[4096..<8192]) + Array(device[..<904]))
  }

  @Test func `reads extra devices by number and by unified address`() throws {
    // The device ends within its last block.
    let device = HandmadeImage.text(count: 2 * 4096 + 1000)
    try Self.check(try Self.image(blockCount: 4).open(devices: [device]), device)
  }

  @Test func `finds devices in the image itself when none is given`() throws {
    let device = HandmadeImage.text(count: 3 * 4096)
    var image = Self.image(blockCount: 13)
    image.put(device, at: 10 * 4096)
    try Self.check(try image.open(), device)
  }

  @Test func `refuses the wrong number of devices`() {
    #expect(throws: ReadError.self) { try Self.image(blockCount: 4).open(devices: [[1], [2]]) }
  }
}

@Suite struct SparseTests {
  @Test func `a file of 9 EB without data is zeros everywhere and costs nothing`() throws {
    let byteCount = Int.max
    var image = HandmadeImage(blockCount: 3, features: 0x80)
    image.putRoot(files: ["f"])
    image.put(
      HandmadeImage.inode(layout: 0, byteCount: byteCount, union: .max, high: .max), inSlot: 1)
    let opened = try image.open()
    let inode = try #require(try opened.resolve(path: [FileName("f")]))
    for offset in [0, 1 << 40, UInt64(byteCount) - 100] {
      var bytes = [UInt8](repeating: 1, count: 100)
      var span = bytes.mutableRawSpan
      let read = try opened.read(inode, at: offset, into: &span)
      #expect(read == 100 && bytes.allSatisfy { $0 == 0 })
    }
    let extents = try opened.extents(of: inode)
    #expect(extents.count == 1 && extents[0].kind == .hole)
  }

  @Test func `a fragment of the packed inode in itself is an error`() throws {
    var image = HandmadeImage(blockCount: 3, features: 0x21)
    image.putRoot(files: ["f"])
    image.setField(HandmadeImage.nid(ofSlot: 1), at: 96)
    image.put(
      HandmadeImage.inode(layout: 3, byteCount: 100) + [0, 0, 0, 0, 0x20, 0, 0, 0x80], inSlot: 1)
    let error = #expect(throws: ReadError.self) { try image.open().content(ofFile: "f") }
    #expect(error?.isUnsupported == false)
  }
}
