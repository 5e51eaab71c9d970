import Bytes
import EROFS
import Testing

@Suite struct DirectoryBlockTests {
  /// A block of entries for `names`, whose nids count from 100.
  private static func block(_ names: [String], padding: Int = 0) -> FormatBytes {
    var block = FormatBytes(count: 12 * names.count)
    for (index, name) in names.enumerated() {
      block.set(UInt64(100 + index), at: 12 * index)
      block.set(UInt16(block.bytes.count), at: 12 * index + 8)
      block.set(UInt8(1), at: 12 * index + 10)
      block.bytes += Array(name.utf8)
    }
    block.bytes += [UInt8](repeating: 0, count: padding)
    return block
  }

  private static func names(of block: FormatBytes) throws -> [FileName] {
    let decoded = try DirectoryBlock(decoding: block.bytes.rawSpan, ofDirectory: 1)
    var names: [FileName] = []
    for index in 0..<decoded.entryCount { names.append(try decoded.entry(at: index).name) }
    return names
  }

  @Test func `decodes entries and cuts padding off the last`() throws {
    let block = Self.block(["!", ".", "..", "name"], padding: 9)
    #expect(try Self.names(of: block) == ["!", ".", "..", "name"].map { FileName($0) })
    let decoded = try DirectoryBlock(decoding: block.bytes.rawSpan, ofDirectory: 1)
    let last = try decoded.entry(at: 3)
    #expect(last.nid == 103 && last.typeHint == .regular)
  }

  @Test func `finds every name and no other`() throws {
    let names = (0..<50).map { "n\($0)" }.sorted { FileName($0) < FileName($1) }
    let bytes = Self.block(names).bytes
    let block = try DirectoryBlock(decoding: bytes.rawSpan, ofDirectory: 1)
    for (index, name) in names.enumerated() {
      let present = Array(name.utf8)
      let absent = present + [0x21]
      let found = try block.index(of: present.rawSpan)
      let missed = try block.index(of: absent.rawSpan)
      #expect(found == index && missed == nil)
    }
  }

  @Test(
    arguments: [
      ("first name at 0", block(["a", "b"]).setting(UInt16(0), at: 8)),
      ("first name off the grid", block(["a", "b"]).setting(UInt16(25), at: 8)),
      ("first name behind the block", block(["a", "b"]).setting(UInt16(4092), at: 8)),
      ("names in reverse", block(["a", "b", "c"]).setting(UInt16(36), at: 20)),
      ("last name behind the block", block(["a", "b"]).setting(UInt16(60000), at: 20)),
      ("empty last name", block(["a", ""], padding: 3)),
      ("slash", block(["a", "b/c"])),
      ("zero within", block(["a\0b", "c"])),
      ("long", block([String(repeating: "x", count: 256)])),
      ("nothing", FormatBytes(count: 0)),
      ("entry without name", FormatBytes(count: 12).setting(UInt16(12), at: 8)),
    ] as [(String, FormatBytes)])
  func `refuses blocks that contradict themselves`(what: String, block: FormatBytes) {
    let error = #expect(throws: EROFSError.self) { try Self.names(of: block) }
    guard case .badDirectory = error?.code else {
      Issue.record("\(what): \(String(describing: error))")
      return
    }
  }

  @Test func `takes a name of 255 bytes`() throws {
    let name = String(repeating: "y", count: 255)
    #expect(try Self.names(of: Self.block([name])) == [FileName(name)])
  }
}
