internal import Foundation

/// A file of /proc with a figure a line, in kB: `Cached:   1234 kB`.
struct KernelFigures {
  private let path: String
  private let text: String

  init(at path: String) throws {
    self.path = path
    text = try String(contentsOfFile: path, encoding: .utf8)
  }

  func byteCount(_ field: String) throws -> Int {
    for line in text.split(separator: "\n") where line.hasPrefix("\(field):") {
      let parts = line.split(whereSeparator: \.isWhitespace)
      if parts.count > 1, let number = Int(parts[1]) { return number * 1024 }
    }
    throw StageError("\(path) has no \(field)")
  }
}
