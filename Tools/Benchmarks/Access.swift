internal import Bytes
internal import Linux
internal import TestSupport

/// A way of reading the demo image, the same on every mount.
enum Access: String, CaseIterable {
  case sequential = "1 MiB reads in order"
  case random = "4 KiB reads at random"
  case archive = "tar of the tree"

  var unit: Series.Unit {
    switch self {
    case .sequential: .megabytesPerSecond
    case .random: .readsPerSecond
    case .archive: .seconds
    }
  }

  /// Reads what is mounted at `point`; `isFast` asks for more reads, where each takes little time.
  func measure(at point: String, isFast: Bool, on stage: Stage) throws -> Double {
    switch self {
    case .sequential:
      try Self.readInOrder("\(point)/large.bin", passCount: isFast ? 8 : 1)
    case .random:
      try Self.readAtRandom("\(point)/large.bin", count: isFast ? 50_000 : 1000)
    case .archive:
      // Not straight to /dev/null: tar knows that one, and reads nothing.
      try timed { try stage.shell(#"tar -C "$0" -cf - files | cat >/dev/null"#, point) }
    }
  }

  /// Reads the file at `path` from start to end, `passCount` times; returns megabytes a second.
  static func readInOrder(_ path: String, passCount: Int) throws -> Double {
    let file = try FileDescriptor(opening: path, .readOnly)
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var byteCount = 0
    let seconds = try timed {
      for _ in 0..<passCount {
        var offset: UInt64 = 0
        while true {
          var span = buffer.mutableRawSpan
          let count = try file.read(into: &span, at: offset)
          if count == 0 { break }
          offset += UInt64(count)
        }
        byteCount += Int(offset)
      }
    }
    return Double(byteCount) / 1e6 / seconds
  }

  /// Reads pages at offsets that are the same in every run and on both sides; returns reads a second.
  static func readAtRandom(_ path: String, count: Int) throws -> Double {
    let file = try FileDescriptor(opening: path, .readOnly)
    let pageCount = try file.status().byteCount / 4096
    var generator = SeededGenerator(seed: 1)
    var buffer = [UInt8](repeating: 0, count: 4096)
    let seconds = try timed {
      for _ in 0..<count {
        var span = buffer.mutableRawSpan
        let page = UInt64.random(in: 0..<pageCount, using: &generator)
        _ = try file.read(into: &span, at: page * 4096)
      }
    }
    return Double(count) / seconds
  }
}
