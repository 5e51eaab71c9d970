import Foundation
import Node
import TestSupport
import Testing

@Suite struct CalendarTimeTests {
  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00Z"),
      (-1, "1969-12-31T23:59:59Z"),
      (951_782_400, "2000-02-29T00:00:00Z"),
      (4_107_542_399, "2100-02-28T23:59:59Z"),
      (4_107_542_400, "2100-03-01T00:00:00Z"),
      (-2_208_988_800, "1900-01-01T00:00:00Z"),
    ] as [(Int64, String)])
  func `the calendar has the usual leap years`(seconds: Int64, text: String) {
    #expect(CalendarTime(nanosecondsSinceEpoch: seconds * 1_000_000_000).rfc3339 == text)
  }

  @Test func `the first and the last time that there are have a text`() {
    #expect(CalendarTime(nanosecondsSinceEpoch: .min).rfc3339 == "1677-09-21T00:12:43Z")
    #expect(CalendarTime(nanosecondsSinceEpoch: .max).rfc3339 == "2262-04-11T23:47:16Z")
  }

  @Test func `random times agree with Foundation's`() {
    var generator = SeededGenerator(for: "random times agree with Foundation's")
    for _ in 0..<1000 {
      let nanoseconds = Int64.random(in: .min / 2 ... .max / 2, using: &generator)
      let seconds = (Double(nanoseconds) / 1e9).rounded(.down)
      let expected = Date(timeIntervalSince1970: seconds).formatted(.iso8601)
      let exact = Int64(seconds) * 1_000_000_000
      #expect(CalendarTime(nanosecondsSinceEpoch: exact).rfc3339 == expected)
    }
  }
}
