import Bytes
import FUSEProtocol
import Testing

@Suite struct DirectoryListingTests {
  static let timeouts = CacheTimeouts(entry: 1, attributes: 2)

  @Test func `entries are padded to eight bytes and end where the room ends`() {
    var bytes = [UInt8](repeating: 0xAA, count: 95)
    let byteCount = fill(&bytes, withAttributes: false, names: ["a", "12345678", "ab", "c"])
    // 32 + 32 + 32 would be one byte too many.
    #expect(byteCount == 64)
    #expect(Array(bytes[0..<32]) == entry(100, cookie: 1, type: 8, "a", padding: 7))
    #expect(Array(bytes[32..<64]) == entry(101, cookie: 2, type: 8, "12345678", padding: 0))
    #expect(bytes[64...].allSatisfy { $0 == 0xAA })
  }

  @Test func `entries with attributes are preceded by them`() {
    var bytes = [UInt8](repeating: 0xAA, count: 4096)
    let byteCount = fill(&bytes, withAttributes: true, names: ["ab"])
    #expect(byteCount == 160)
    #expect(bytes[0] == 100)
    #expect(bytes[16] == 1)
    #expect(bytes[24] == 2)
    #expect(bytes[40] == 100)
    #expect(Array(bytes[128..<160]) == entry(100, cookie: 1, type: 8, "ab", padding: 6))
  }

  @Test func `names that the kernel would refuse are left out`() {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let names = ["", "a/b", "a\0b", String(repeating: "x", count: 1025), "good"]
    let byteCount = fill(&bytes, withAttributes: false, names: names)
    #expect(byteCount == 32)
    #expect(Array(bytes[24..<28]) == Array("good".utf8))
  }

  @Test func `a room too small for anything stays untouched`() {
    for count in 0..<32 {
      var bytes = [UInt8](repeating: 0xAA, count: count)
      #expect(fill(&bytes, withAttributes: false, names: ["a"]) == 0)
      #expect(bytes.allSatisfy { $0 == 0xAA })
    }
  }

  private func fill(_ bytes: inout [UInt8], withAttributes: Bool, names: [String]) -> Int {
    var listing = DirectoryListing(
      into: bytes.mutableRawSpan, wantsAttributes: withAttributes, timeouts: Self.timeouts)
    #expect(listing.wantsAttributes == withAttributes)
    for (index, name) in names.enumerated() {
      let number = UInt64(100 + index)
      let found = NodeEntry(
        node: NodeID(rawValue: number),
        attributes: NodeAttributes(inodeNumber: number, mode: 0o100644))
      let fits = listing.append(
        name: Array(name.utf8).rawSpan, node: NodeID(rawValue: number), type: .regular,
        nextCookie: UInt64(index + 1), entry: found)
      if !fits { break }
    }
    return listing.byteCount
  }

  private func entry(
    _ number: UInt64, cookie: UInt64, type: UInt32, _ name: String, padding: Int
  ) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(number)
    writer.append(cookie)
    writer.append(UInt32(name.utf8.count))
    writer.append(type)
    writer.append(Array(name.utf8))
    writer.append([UInt8](repeating: 0, count: padding))
    return writer.bytes
  }
}
