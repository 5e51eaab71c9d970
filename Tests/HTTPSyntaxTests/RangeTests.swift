import Bytes
import HTTPSyntax
import TestSupport
import Testing

@Suite struct RangeTests {
  @Test(
    arguments: [
      ("bytes 0-0/10", 0, 1, 10), ("bytes 5-9/10", 5, 5, 10), (" Bytes  2-3 / 4 ", 2, 2, 4),
      ("bytes 2-3/*", 2, 2, nil),
    ] as [(String, UInt64, UInt64, UInt64?)])
  func `reads a Content-Range`(text: String, offset: UInt64, count: UInt64, total: UInt64?) throws {
    let range = try #require(ByteRange(offset: offset, byteCount: count))
    #expect(ContentRange(parsing: text) == .part(range, total: total))
  }

  @Test func `reads a Content-Range without a range`() {
    #expect(ContentRange(parsing: "bytes */77") == .unsatisfied(total: 77))
  }

  @Test(arguments: [
    "", "bytes", "bytes 0-0", "bytes */*", "lines 0-1/2", "bytes 5-4/10", "bytes 0-10/10",
    "bytes -1-2/10", "bytes 0-1/+10", "bytes 0-18446744073709551615/*",
    "bytes 9223372036854775807-9223372036854775807/*", "bytes 0-1/2, bytes 3-4/5",
    "bytes 99999999999999999999-0/1", "bytes 0 1/2",
  ])
  func `refuses a Content-Range that is malformed or contradicts itself`(text: String) {
    #expect(ContentRange(parsing: text) == nil)
  }

  @Test(
    arguments: [
      ("bytes=0-0", 0, 1), ("bytes=5-", 5, 5), ("bytes=5-100", 5, 5), ("bytes=-3", 7, 3),
      ("bytes=-30", 0, 10), ("bytes=9-9", 9, 1),
    ] as [(String, UInt64, UInt64)])
  func `a range request means these bytes of ten`(text: String, offset: UInt64, count: UInt64) {
    let range = RangeRequest(parsing: text)?.resolved(total: 10)
    #expect(range == ByteRange(offset: offset, byteCount: count))
  }

  @Test(arguments: ["bytes=10-", "bytes=-0", "bytes=18446744073709551615-18446744073709551615"])
  func `a range without bytes cannot be satisfied`(text: String) throws {
    let request = try #require(RangeRequest(parsing: text))
    #expect(request.resolved(total: 10) == nil)
  }

  @Test(arguments: [
    "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=0-1,3-4", "bytes=5-4",
    "lines=0-1", "bytes=0-99999999999999999999", "bytes=--1",
  ])
  func `other range requests are ignored`(text: String) {
    #expect(RangeRequest(parsing: text) == nil)
  }

  @Test func `no text makes the parsers fail`() {
    var random = SeededGenerator(for: "range fuzz")
    let alphabet = Array("bytes=-0189*/ ,W\"%GMT:é".unicodeScalars)
    for _ in 0..<20_000 {
      var text = Bool.random(using: &random) ? "bytes" : ""
      for _ in 0..<Int.random(in: 0...24, using: &random) {
        text.unicodeScalars.append(alphabet.randomElement(using: &random) ?? " ")
      }
      if case .part(let range, let total?)? = ContentRange(parsing: text) {
        #expect(range.end <= total)
      }
      if let range = RangeRequest(parsing: text)?.resolved(total: 100) { #expect(range.end <= 100) }
      _ = EntityTagCondition(parsing: text)
      _ = HTTPDate(parsing: text)
      _ = PercentEncoding.decode(text)
    }
  }
}
