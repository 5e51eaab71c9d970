import Foundation
import HTTPSyntax
import TestSupport
import Testing

@Suite struct HTTPDateTests {
  @Test(arguments: [
    "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
  ])
  func `reads the three notations of the standard`(text: String) {
    #expect(HTTPDate(parsing: text)?.secondsSinceEpoch == 784_111_777)
  }

  @Test(arguments: [
    "", "yesterday", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 32 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Nov +994 08:49:37 GMT",
    "Sun, 06 Foo 1994 08:49:37 GMT",
  ])
  func `refuses what is no date`(text: String) {
    #expect(HTTPDate(parsing: text) == nil)
  }

  @Test func `writes what the system's calendar writes, and reads it back`() {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "GMT")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    var random = SeededGenerator(for: "HTTP dates")
    for _ in 0..<500 {
      // From 1600 on, for the system's calendar was Julian before.
      let second = Int64.random(in: -11_676_096_000...253_402_300_799, using: &random)
      let date = HTTPDate(secondsSinceEpoch: second)
      let expected = formatter.string(from: Date(timeIntervalSince1970: Double(second)))
      #expect(date.description == expected)
      #expect(HTTPDate(parsing: date.description) == date)
    }
  }
}
