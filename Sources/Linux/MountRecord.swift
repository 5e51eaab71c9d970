/// A line of /proc/self/mountinfo.
///
/// "ID parent major:minor root directory options [field …] - type source options", blanks and
/// backslashes in fields being a backslash and three octal digits.
package struct MountRecord: Equatable, Sendable {
  /// The device number that its files show, "major:minor".
  package let device: String
  /// What of the filesystem is seen at ``directory``.
  package let root: String
  package let directory: String
  package let type: String
  package let source: String
  /// Those of the filesystem; nil when the line ends before them.
  package let options: [String]?

  /// Nil for lines that make no sense.
  package init?(line: some Sequence<UInt8>) {
    let fields = Array(line).split(
      separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard fields.count > 6,
      let dash = fields[6...].firstIndex(where: { $0.elementsEqual([UInt8(ascii: "-")]) }),
      fields.count > dash + 2
    else { return nil }
    device = Self.unescaped(fields[2])
    root = Self.unescaped(fields[3])
    directory = Self.unescaped(fields[4])
    type = Self.unescaped(fields[dash + 1])
    source = Self.unescaped(fields[dash + 2])
    options =
      fields.count > dash + 3
      ? fields[dash + 3].split(separator: UInt8(ascii: ",")).map(Self.unescaped) : nil
  }

  /// The lines of the text of a mountinfo file that make sense, in its order: a later one hides an
  /// earlier one on its directory.
  package static func parse(_ text: [UInt8]) -> [MountRecord] {
    text.split(separator: UInt8(ascii: "\n")).compactMap(MountRecord.init)
  }

  private static func unescaped(_ field: ArraySlice<UInt8>) -> String {
    var bytes: [UInt8] = []
    var rest = field
    while let byte = rest.popFirst() {
      let digits = rest.prefix(3).map { $0 &- UInt8(ascii: "0") }
      if byte == UInt8(ascii: "\\"), digits.count == 3, digits.allSatisfy({ $0 < 8 }),
        digits[0] < 4
      {
        bytes.append(digits[0] << 6 | digits[1] << 3 | digits[2])
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
