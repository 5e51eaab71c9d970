internal import Bytes

/// Figures in the text that the kernel shows in /proc and in cgroups, found in place.
///
/// Nothing is allocated and nothing traps: what is malformed, cut off or too large is no figure.
package enum KernelText {
  /// The number that `text` consists of, with its line feed; nil for anything else, as "max".
  package static func onlyNumber(in text: RawSpan) -> UInt64? {
    guard let (number, end) = number(in: text, from: 0) else { return nil }
    return end + 1 == text.byteCount && text.byte(at: end) == lineFeed ? number : nil
  }

  /// The number on the first line that begins with `name` and a space or a colon; in bytes where
  /// the line says kB.
  package static func number(named name: [UInt8], in text: RawSpan) -> UInt64? {
    var start = 0
    // A last line without a line feed may be cut in the middle of its number.
    while let end = index(of: lineFeed, in: text, from: start) {
      if let rest = position(after: name, in: text, line: start..<end) {
        return quantity(in: text, line: rest..<end)
      }
      start = end + 1
    }
    return nil
  }

  private static let lineFeed = UInt8(ascii: "\n")
  private static let space = UInt8(ascii: " ")
  private static let kibibytes = [UInt8](" kB".utf8)

  /// Where the value begins if `line` is one of `name`.
  private static func position(
    after name: [UInt8], in text: RawSpan, line: Range<Int>
  ) -> Int? {
    guard name.count < line.count else { return nil }
    for index in name.indices where text.byte(at: line.lowerBound + index) != name[index] {
      return nil
    }
    let separator = line.lowerBound + name.count
    guard text.byte(at: separator) == space || text.byte(at: separator) == UInt8(ascii: ":") else {
      return nil
    }
    var position = separator + 1
    while position < line.upperBound, text.byte(at: position) == space { position += 1 }
    return position
  }

  /// The number that fills `line`, but for a unit.
  private static func quantity(in text: RawSpan, line: Range<Int>) -> UInt64? {
    guard let (number, end) = number(in: text, from: line.lowerBound) else { return nil }
    if end == line.upperBound { return number }
    guard line.upperBound - end == kibibytes.count else { return nil }
    for index in kibibytes.indices where text.byte(at: end + index) != kibibytes[index] {
      return nil
    }
    let (byteCount, isTooLarge) = number.multipliedReportingOverflow(by: 1024)
    return isTooLarge ? nil : byteCount
  }

  /// The decimal number at `start`, and where it ends; nil when there is none, or one of more than
  /// 64 bits.
  private static func number(in text: RawSpan, from start: Int) -> (UInt64, end: Int)? {
    var number: UInt64 = 0
    var position = start
    while position < text.byteCount {
      let digit = text.byte(at: position) &- UInt8(ascii: "0")
      guard digit < 10 else { break }
      let (tens, isTooLarge) = number.multipliedReportingOverflow(by: 10)
      let (sum, carries) = tens.addingReportingOverflow(UInt64(digit))
      guard !isTooLarge, !carries else { return nil }
      number = sum
      position += 1
    }
    return position > start ? (number, end: position) : nil
  }

  private static func index(of byte: UInt8, in text: RawSpan, from start: Int) -> Int? {
    var position = start
    while position < text.byteCount {
      if text.byte(at: position) == byte { return position }
      position += 1
    }
    return nil
  }
}
