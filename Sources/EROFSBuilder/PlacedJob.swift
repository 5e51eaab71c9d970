internal import Bytes
internal import Linux

/// What a job packed, and where it goes.
struct PlacedJob: Sendable {
  let output: [UInt8]
  /// Parts of the output that are kept, none next to another, and their places in the file.
  private var parts: [(range: Range<Int>, offset: UInt64)] = []

  init(output: [UInt8]) {
    self.output = output
  }

  /// Adds a part behind all others, in the output and in the file.
  mutating func append(_ range: Range<Int>, at offset: UInt64) {
    // Neighbours are written in one call.
    if let last = parts.last, last.range.upperBound == range.lowerBound {
      parts[parts.count - 1].range = last.range.lowerBound..<range.upperBound
    } else {
      parts.append((range, offset))
    }
  }

  func write(to file: borrowing FileDescriptor) throws(BuildError) {
    do throws(SystemError) {
      for part in parts {
        try file.write(output.rawSpan.extracting(part.range), at: part.offset)
      }
    } catch {
      throw .output(error)
    }
  }
}
