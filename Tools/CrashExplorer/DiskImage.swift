internal import Bytes
internal import Foundation
internal import Linux

/// The files below one directory, as a disk has them after a crash.
struct DiskImage {
  var directories: Set<String> = []
  var files: [String: [UInt8]] = [:]

  /// Makes `directory` hold these files and nothing else.
  func write(to directory: String) throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
      try FileManager.default.removeItem(atPath: "\(directory)/\(name)")
    }
    for path in directories.sorted() {
      try Paths.createDirectory("\(directory)/\(path)", mode: 0o700)
    }
    for (path, bytes) in files {
      let file = try FileDescriptor(
        opening: "\(directory)/\(path)", [.writeOnly, .create, .exclusive])
      try file.truncate(toByteCount: UInt64(bytes.count))
      let span = bytes.rawSpan
      // Most of a small cache is holes; writing them would cost more than all the rest.
      for start in stride(from: 0, to: bytes.count, by: Self.pieceByteCount) {
        let piece = span.extracting(start..<min(start + Self.pieceByteCount, bytes.count))
        if !piece.isZero { try file.write(piece, at: UInt64(start)) }
      }
    }
  }

  private static let pieceByteCount = 16 << 10
}

extension RawSpan {
  fileprivate var isZero: Bool {
    var offset = 0
    while offset + 8 <= byteCount {
      if load(fromByteOffset: offset, as: UInt64.self) != 0 { return false }
      offset += 8
    }
    while offset < byteCount {
      if byte(at: offset) != 0 { return false }
      offset += 1
    }
    return true
  }
}
