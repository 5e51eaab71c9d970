/// A moment as HTTP header fields write it, to the second (RFC 9110, 5.6.7).
package struct HTTPDate: Hashable, Comparable, Sendable {
  /// Seconds since 1970-01-01 UTC, within the years 1 to 9999.
  package let secondsSinceEpoch: Int64

  private static let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]
  /// 0001-01-01 and 9999-12-31T23:59:59.
  private static let representable: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

  /// The moment, or the nearest one that the notation has.
  package init(secondsSinceEpoch: Int64) {
    self.secondsSinceEpoch = min(
      max(secondsSinceEpoch, Self.representable.lowerBound), Self.representable.upperBound)
  }

  /// Reads `Sun, 06 Nov 1994 08:49:37 GMT` and the two older notations; nil for anything else.
  package init?(parsing text: String) {
    let words = text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == "-" }).map(String.init)
    let parts: (day: String, month: String, year: String, time: String)
    switch words.count {
    case 6 where words[5] == "GMT":
      parts = (words[1], words[2], words[3], words[4])
    case 5:
      parts = (words[2], words[1], words[4], words[3])  // asctime: Sun Nov  6 08:49:37 1994
    default:
      return nil
    }
    let clock = parts.time.split(separator: ":", omittingEmptySubsequences: false)
    guard let day = Self.number(parts.day, 1...31), clock.count == 3,
      let month = Self.months.firstIndex(of: parts.month),
      var year = Self.number(parts.year, 0...9999),
      let hour = Self.number(String(clock[0]), 0...23),
      let minute = Self.number(String(clock[1]), 0...59),
      let second = Self.number(String(clock[2]), 0...60)
    else { return nil }
    if parts.year.utf8.count == 2 { year += year < 70 ? 2000 : 1900 }
    guard year >= 1 else { return nil }
    let days = Self.days(year: year, month: Int64(month) + 1, day: day)
    self.init(secondsSinceEpoch: days * 86_400 + hour * 3600 + minute * 60 + second)
  }

  package static func < (left: HTTPDate, right: HTTPDate) -> Bool {
    left.secondsSinceEpoch < right.secondsSinceEpoch
  }

  private static func number(_ text: String, _ range: ClosedRange<Int64>) -> Int64? {
    guard text.utf8.count <= 4, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let value = Int64(text), range.contains(value)
    else { return nil }
    return value
  }

  /// Days from 1970-01-01 to a date of the Gregorian calendar; years start in March so that the
  /// leap day comes last.
  private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }
}

extension HTTPDate: CustomStringConvertible {
  /// The preferred notation: `Sun, 06 Nov 1994 08:49:37 GMT`.
  package var description: String {
    let (days, second) = secondsSinceEpoch.dividedDown(by: 86_400)
    let shifted = days + 719_468
    let (era, dayOfEra) = shifted.dividedDown(by: 146_097)
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    let weekday = (days + 3).dividedDown(by: 7).remainder
    let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    let date =
      "\(Self.weekdays[Int(weekday)]), \(Self.padded(day, 2)) "
      + "\(Self.months[Int(month) - 1]) \(Self.padded(year, 4))"
    let time = [second / 3600, second / 60 % 60, second % 60].map { Self.padded($0, 2) }
    return "\(date) \(time.joined(separator: ":")) GMT"
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}

extension Int64 {
  /// Division that rounds down, so that moments before the epoch have a positive remainder.
  fileprivate func dividedDown(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}
