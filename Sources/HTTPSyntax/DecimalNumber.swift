extension UInt64 {
  /// The number that `text` spells in decimal digits alone; nil for signs, spaces or overflow.
  ///
  /// `UInt64(_:)` takes a leading plus sign, which header fields do not have.
  package init?<Text: StringProtocol>(digits text: Text) {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    self.init(text)
  }
}

extension StringProtocol {
  /// The text without the spaces and tabs around it, which header fields allow anywhere.
  package var trimmed: String {
    let isBlank = { (character: Character) in character == " " || character == "\t" }
    let start = firstIndex { !isBlank($0) } ?? endIndex
    guard start != endIndex, let last = lastIndex(where: { !isBlank($0) }) else { return "" }
    return String(self[start...last])
  }
}
