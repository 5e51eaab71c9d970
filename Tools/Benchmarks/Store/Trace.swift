internal import Bytes
internal import EROFS
internal import EROFSReader
internal import Foundation
internal import Linux
internal import TestSupport

/// Accesses to blocks, one after the other, and the size of the cache that they are tried on.
struct Trace {
  let name: String
  let slotCount: Int
  let blocks: [UInt32]

  private static let slotCount = 16_384
  /// Ten times what fits.
  private static let zipfBlockCount = 163_840

  /// Three that are generated, always the same, and one recorded from reads of the image at `path`.
  static func all(image path: String) throws -> [Trace] {
    [
      Trace(name: "Zipf 0.9", slotCount: slotCount, blocks: zipf()),
      Trace(name: "Zipf 0.9 with scans", slotCount: slotCount, blocks: zipfWithScans()),
      Trace(name: "loop over 1.5 caches", slotCount: slotCount, blocks: loop()),
      try recorded(path),
    ]
  }

  private static func zipf(count: Int = 600_000) -> [UInt32] {
    var weights = (1...zipfBlockCount).map { 1 / pow(Double($0), 0.9) }
    for index in weights.indices.dropFirst() { weights[index] += weights[index - 1] }
    var generator = SeededGenerator(seed: 10)
    let total = weights[weights.count - 1]
    return (0..<count).map { _ in
      let point = Double.random(in: 0..<total, using: &generator)
      var (low, high) = (0, weights.count - 1)
      while low < high {
        let middle = (low + high) / 2
        if weights[middle] > point { high = middle } else { low = middle + 1 }
      }
      return UInt32(low)
    }
  }

  /// Five scans of blocks that are used once, each of two caches, between the other accesses.
  private static func zipfWithScans() -> [UInt32] {
    let accesses = zipf()
    var blocks: [UInt32] = []
    var next = UInt32(zipfBlockCount)
    let part = accesses.count / 6
    for index in 0..<6 {
      blocks += accesses[index * part..<(index + 1) * part]
      guard index < 5 else { break }
      let end = next + UInt32(2 * slotCount)
      blocks += next..<end
      next = end
    }
    return blocks
  }

  private static func loop() -> [UInt32] {
    let once = 0..<UInt32(slotCount / 2 * 3)
    return (0..<10).flatMap { _ in once }
  }

  /// What reading an image asks of its cache: the whole tree in order, single pages of a large file,
  /// some files again and again, and the whole tree once more; a fifth of it fits.
  private static func recorded(_ path: String) throws -> Trace {
    let recorder = try Recorder(path: path)
    let image = try Image(source: recorder)
    var files: [Inode] = []
    var walk = TreeWalk(image)
    while let entry = try walk.next() {
      if entry.inode.fileType == .regular { files.append(entry.inode) }
    }
    guard let large = files.max(by: { $0.byteCount < $1.byteCount }) else {
      throw StageError("the image has no files")
    }
    for file in files { try read(file, of: image) }
    var generator = SeededGenerator(seed: 11)
    var page = [UInt8](repeating: 0, count: 4096)
    for _ in 0..<20_000 {
      var span = page.mutableRawSpan
      let offset = UInt64.random(in: 0..<large.byteCount / 4096, using: &generator) * 4096
      _ = try image.read(large, at: offset, into: &span)
    }
    for _ in 0..<20_000 {
      // Skewed: the cube of an even draw.
      let draw = pow(Double.random(in: 0..<1, using: &generator), 3)
      let file = files[Int(draw * Double(files.count))]
      if file.nid != large.nid { try read(file, of: image) }
    }
    for file in files { try read(file, of: image) }
    let blocks = recorder.blocks()
    return Trace(
      name: "image read, recorded", slotCount: Set(blocks).count / 5, blocks: blocks)
  }

  private static func read(_ file: Inode, of image: Image) throws {
    var buffer = [UInt8](repeating: 0, count: 1 << 17)
    var offset: UInt64 = 0
    while offset < file.byteCount {
      var span = buffer.mutableRawSpan
      offset += UInt64(try image.read(file, at: offset, into: &span))
    }
  }
}

/// A file that remembers which of its blocks were read.
private final class Recorder: BlockSource {
  private static let blockSizeBits: UInt64 = 14

  let byteCount: UInt64
  private let file: FileDescriptor
  private let log = Lock([UInt32]())

  init(path: String) throws {
    file = try FileDescriptor(opening: path, .readOnly)
    byteCount = try file.status().byteCount
  }

  func blocks() -> [UInt32] { log.withLock { $0 } }

  func read(into target: inout MutableRawSpan, at offset: UInt64) throws(SourceError) {
    let end = offset + UInt64(target.byteCount)
    do throws(SystemError) {
      guard try file.read(into: &target, at: offset) == target.byteCount else {
        throw SystemError(call: "pread", errno: .ioError)
      }
    } catch {
      throw SourceError(.ioError, "\(error)")
    }
    guard end > offset else { return }
    let touched = offset >> Self.blockSizeBits...(end - 1) >> Self.blockSizeBits
    log.withLock { blocks in blocks += touched.map { UInt32($0) } }
  }
}
