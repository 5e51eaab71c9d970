import Bytes
import Testing

@Suite struct ChecksumTests {
  @Test func `CRC-32C of the check string is the published value`() {
    #expect(CRC32C.checksum(Array("123456789".utf8).rawSpan) == 0xE306_9283)
  }

  @Test(
    arguments: [
      ("", 0, 0xEF46_DB37_51D8_E999),
      ("a", 0, 0xD24E_C4F1_A98C_6E5B),
      ("abc", 0, 0x44BC_2CF5_AD77_0999),
      ("Nobody inspects the spammish repetition", 0, 0xFBCE_A83C_8A37_8BF1),
    ] as [(String, UInt64, UInt64)])
  func `XXH64 gives the published values`(text: String, seed: UInt64, expected: UInt64) {
    #expect(XXH64.hash(Array(text.utf8).rawSpan, seed: seed) == expected)
  }

  @Test func `XXH64 depends on the seed`() {
    let bytes = [UInt8](repeating: 7, count: 100)
    #expect(XXH64.hash(bytes.rawSpan, seed: 1) != XXH64.hash(bytes.rawSpan, seed: 2))
  }
}
