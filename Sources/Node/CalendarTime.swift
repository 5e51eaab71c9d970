/// A point in time by the Gregorian calendar, UTC.
package struct CalendarTime: Sendable {
  private let nanosecondsSinceEpoch: Int64

  package init(nanosecondsSinceEpoch: Int64) {
    self.nanosecondsSinceEpoch = nanosecondsSinceEpoch
  }

  /// `2026-11-21T09:00:00Z`: RFC 3339 to the second.
  package var rfc3339: String {
    // Floor division: times before 1970 belong to the second they follow.
    let (second, rest) = nanosecondsSinceEpoch.quotientAndRemainder(dividingBy: 1_000_000_000)
    let total = rest < 0 ? second - 1 : second
    let days = (total - (total < 0 ? 86_399 : 0)) / 86_400
    let ofDay = total - days * 86_400
    let (year, month, day) = Self.date(daysSinceEpoch: days)
    return "\(Self.digits(year, 4))-\(Self.digits(month, 2))-\(Self.digits(day, 2))"
      + "T\(Self.digits(ofDay / 3600, 2)):\(Self.digits(ofDay / 60 % 60, 2))"
      + ":\(Self.digits(ofDay % 60, 2))Z"
  }

  /// Counts in eras of 400 years that begin on 1 March, so that leap days end a year.
  private static func date(daysSinceEpoch: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let daysOfEra: Int64 = 146_097
    let shifted = daysSinceEpoch + 719_468  // days from 0000-03-01 to 1970-01-01
    let era = (shifted - (shifted < 0 ? daysOfEra - 1 : 0)) / daysOfEra
    let dayOfEra = shifted - era * daysOfEra
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  private static func digits(_ value: Int64, _ width: Int) -> String {
    let text = "\(value)"
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }
}
