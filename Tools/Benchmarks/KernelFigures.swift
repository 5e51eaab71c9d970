internal import Foundation
internal import Linux

/// A file of /proc with a figure a line, in kB: `Cached:   1234 kB`.
struct KernelFigures {
  private let path: String
  private let text: String

  init(at path: String) throws {
    self.path = path
    text = try String(contentsOfFile: path, encoding: .utf8)
  }

  /// Waits until the page cache neither grows nor shrinks: what was dropped goes some seconds later.
  static func awaitRest() throws {
    var last = try KernelFigures(at: "/proc/meminfo").byteCount("Cached")
    for _ in 0..<20 {
      Thread.sleep(milliseconds: 1000)
      let now = try KernelFigures(at: "/proc/meminfo").byteCount("Cached")
      if abs(now - last) < 128 << 10 { return }
      last = now
    }
  }

  func byteCount(_ field: String) throws -> Int {
    for line in text.split(separator: "\n") where line.hasPrefix("\(field):") {
      let parts = line.split(whereSeparator: \.isWhitespace)
      if parts.count > 1, let number = Int(parts[1]) { return number * 1024 }
    }
    throw StageError("\(path) has no \(field)")
  }
}
