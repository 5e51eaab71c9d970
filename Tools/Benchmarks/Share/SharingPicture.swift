internal import Foundation

/// What the pairs of images take in memory, as bars: without sharing, with files shared, with pages.
struct SharingPicture {
  struct Bars {
    let pair: String
    /// In MiB.
    let none: Int
    let files: Int
    let pages: Int
  }

  private static let barHeight = 9
  private static let pairHeight = 40
  private static let labelWidth = 110
  private static let barWidth = 520
  private static let width = 820
  private static let colours = ["#9aa5b1", "#4c8fd6", "#1f5fa8"]
  private static let top = 46

  let bars: [Bars]

  /// The picture, for files that are shown on light and dark grounds.
  var svg: String {
    let height = Self.top + bars.count * Self.pairHeight + 8
    var lines = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Self.width) \(height)\" "
        + "font-family=\"sans-serif\" font-size=\"12\">",
      "<rect width=\"\(Self.width)\" height=\"\(height)\" fill=\"#ffffff\"/>",
    ]
    for (index, text) in ["no sharing", "files shared", "pages shared"].enumerated() {
      let left = Self.labelWidth + index * 130
      lines.append(rectangle(left: left, top: 12, width: 12, index))
      lines.append(label(text, left: left + 18, top: 21))
    }
    lines.append(label("MiB for two images read fully; saved", left: Self.labelWidth, top: 38))
    let largest = bars.map(\.none).max() ?? 1
    for (row, entry) in bars.enumerated() {
      let top = Self.top + row * Self.pairHeight
      lines.append(label(entry.pair, left: 4, top: top + 22))
      for (index, size) in [entry.none, entry.files, entry.pages].enumerated() {
        let width = max(1, size * Self.barWidth / max(1, largest))
        let barTop = top + 4 + index * (Self.barHeight + 2)
        lines.append(rectangle(left: Self.labelWidth, top: barTop, width: width, index))
        let saved = index == 0 ? "" : ", \(100 - 100 * size / max(1, entry.none)) %"
        lines.append(
          label(
            "\(size)\(saved)", left: Self.labelWidth + width + 6, top: barTop + 8, size: 10))
      }
    }
    return (lines + ["</svg>", ""]).joined(separator: "\n")
  }

  func write(to path: String) throws {
    try Data(svg.utf8).write(to: URL(filePath: path))
  }

  private func rectangle(left: Int, top: Int, width: Int, _ colour: Int) -> String {
    "<rect x=\"\(left)\" y=\"\(top)\" width=\"\(width)\" height=\"\(Self.barHeight)\" "
      + "fill=\"\(Self.colours[colour])\"/>"
  }

  private func label(_ text: String, left: Int, top: Int, size: Int = 12) -> String {
    "<text x=\"\(left)\" y=\"\(top)\" font-size=\"\(size)\" fill=\"#222222\">\(text)</text>"
  }
}
