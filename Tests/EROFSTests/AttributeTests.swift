import Bytes
import EROFS
import Testing

@Suite struct AttributeTests {
  private static func entry(
    index: UInt8, name: String, value: [UInt8]
  ) -> [UInt8] {
    var bytes = FormatBytes(count: 4)
    bytes.set(UInt8(name.utf8.count), at: 0)
    bytes.set(index, at: 1)
    bytes.set(UInt16(value.count), at: 2)
    return bytes.bytes + Array(name.utf8) + value
  }

  @Test func `decodes an entry`() throws {
    let bytes = Self.entry(index: 0x85, name: "key", value: [1, 2]) + [9, 9, 9]
    let entry = try AttributeEntry(decoding: bytes.rawSpan, nid: 1)
    #expect(entry.longPrefix == 5 && entry.paddedByteCount == 12 && !entry.isFiller)
    #expect(entry.suffix.copyBytes() == Array("key".utf8))
    #expect(entry.value.copyBytes() == [1, 2])
  }

  @Test func `knows filler when it sees it`() throws {
    let entry = try AttributeEntry(decoding: [UInt8](repeating: 0, count: 4).rawSpan, nid: 1)
    #expect(entry.isFiller && entry.paddedByteCount == 4)
  }

  @Test func `refuses an entry longer than its area`() {
    let bytes = Self.entry(index: 1, name: "key", value: [1, 2])
    for count in 0..<bytes.count {
      #expect(throws: EROFSError.self) {
        _ = try AttributeEntry(decoding: bytes.rawSpan.extracting(0..<count), nid: 1).nameIndex
      }
    }
  }

  @Test func `decodes the header with its shared attributes`() throws {
    let area = FormatBytes(count: 24).setting(UInt32(0xF0), at: 0).setting(UInt8(2), at: 4)
      .setting(UInt32(7), at: 12).setting(UInt32(8), at: 16)
    let header = try AttributeHeader(decoding: area.bytes.rawSpan, nid: 1)
    #expect(header.absentNames == 0xF0 && header.sharedIDs == [7, 8] && header.byteCount == 20)
    #expect(throws: EROFSError.self) {
      try AttributeHeader(decoding: area.setting(UInt8(4), at: 4).bytes.rawSpan, nid: 1)
    }
  }

  @Test func `splits names by namespace`() {
    func split(_ name: String) -> String? {
      AttributeNamespace.split(Array(name.utf8)).map {
        "\($0.index) \(String(decoding: $0.rest, as: UTF8.self))"
      }
    }
    #expect(split("user.a") == "1 a")
    #expect(split("trusted.overlay.opaque") == "4 overlay.opaque")
    #expect(split("security.capability") == "6 capability")
    #expect(split("system.posix_acl_access") == "2 ")
    #expect(split("system.posix_acl_default") == "3 ")
    #expect(split("system.posix_acl_access2") == nil)
    #expect(split("system.other") == nil && split("lustre.x") == nil && split("") == nil)
  }

  @Test func `refuses prefixes of impossible length`() {
    for count in [0, 257] as [UInt16] {
      #expect(throws: EROFSError.self) {
        try AttributePrefix.byteCount(
          ofItemIn: FormatBytes(count: 2).setting(count, at: 0).bytes.rawSpan)
      }
    }
    let item: [UInt8] = [4, 0, 1] + Array("k.x".utf8)
    #expect(
      AttributePrefix(decoding: item.rawSpan)
        == AttributePrefix(namespace: 1, infix: Array("k.x".utf8)))
  }
}
