internal import Bytes
internal import Linux
internal import Synchronization

/// `pages`: a check for each page of each slot, so that a part of a block can be read from disk and
/// checked without the rest of it.
///
/// Slot n has the XXH64 of each of its pages, 8 bytes each, at n times their size. The seed is the
/// checksum that the index has of the whole block, so what is left there of another block, another
/// version or a crash does not fit, and nothing here needs to be durable, in order or complete. It is a
/// hint and nothing more: where a check does not fit, the whole block is read and its own checksum
/// decides. Thread-safe.
final class PageChecks: Sendable {
  static let pageByteCount = AlignedBuffer.alignment
  private static let checkByteCount = 8

  /// Nil where there can be no such file.
  private let file: FileDescriptor?
  private let hasFailed = Atomic(false)
  private let slotByteCount: Int

  static func path(in directory: String) -> String { "\(directory)/pages" }

  /// Those of the cache in `directory`, whose blocks have `blockByteCount` bytes.
  init(directory: String, blockByteCount: Int) {
    file = try? FileDescriptor(
      opening: Self.path(in: directory), [.readWrite, .create, .noFollow], mode: 0o600)
    slotByteCount = blockByteCount / Self.pageByteCount * Self.checkByteCount
  }

  /// The checks of the block `bytes`, which as a whole has `checksum`.
  static func checks(of bytes: RawSpan, checksum: UInt64) -> [UInt64] {
    stride(from: 0, to: bytes.byteCount, by: pageByteCount).map { start in
      let end = min(start + pageByteCount, bytes.byteCount)
      return check(of: bytes.extracting(start..<end), page: start / pageByteCount, checksum)
    }
  }

  private static func check(of bytes: RawSpan, page: Int, _ checksum: UInt64) -> UInt64 {
    // An odd multiplier keeps the pages of a block apart.
    XXH64.hash(bytes, seed: checksum ^ UInt64(page + 1) &* 0x9E37_79B9_7F4A_7C15)
  }

  /// Whether checks are kept: without a file, or once writing has failed, parts are not worth reading.
  var isUsable: Bool { file != nil && !hasFailed.load(ordering: .relaxed) }

  /// Notes the checks of blocks that are in slots from `slot` on; after an error, none any more.
  func write(_ checks: some Sequence<[UInt64]>, slot: UInt32) {
    var writer = ByteWriter()
    for checks in checks {
      for check in checks { writer.append(check) }
      // A block that is shorter leaves room.
      writer.append(
        [UInt8](repeating: 0, count: slotByteCount - checks.count * Self.checkByteCount))
    }
    do throws(SystemError) {
      try file?.write(writer.bytes.rawSpan, at: UInt64(slot) * UInt64(slotByteCount))
    } catch {
      hasFailed.store(true, ordering: .relaxed)
    }
  }

  /// Whether `bytes` are what the block with `checksum` in `slot` has from `page` on.
  ///
  /// They end with a page, or with the block.
  func agree(with bytes: RawSpan, from page: Int, slot: UInt32, checksum: UInt64) -> Bool {
    guard file != nil else { return false }
    let pageCount = (bytes.byteCount + Self.pageByteCount - 1) / Self.pageByteCount
    // As many as a block of 1 MiB has.
    var known: [256 of UInt64] = .init(repeating: 0)
    guard pageCount <= known.count else { return false }
    var span = known.mutableSpan
    // Any bytes are such numbers.
    var target = unsafe span.mutableBytes
    var part = target._mutatingExtracting(0..<pageCount * Self.checkByteCount)
    let offset = UInt64(slot) * UInt64(slotByteCount) + UInt64(page * Self.checkByteCount)
    guard (try? file?.read(into: &part, at: offset)) == part.byteCount else { return false }
    for index in 0..<pageCount {
      let start = index * Self.pageByteCount
      let end = min(start + Self.pageByteCount, bytes.byteCount)
      let check = Self.check(of: bytes.extracting(start..<end), page: page + index, checksum)
      let noted = part.bytes.load(
        fromByteOffset: index * Self.checkByteCount, as: UInt64.self)
      guard check == noted else { return false }
    }
    return true
  }

  /// Cuts off what is beyond `slotCount` slots.
  func cut(to slotCount: Int) {
    let byteCount = UInt64(slotCount) * UInt64(slotByteCount)
    guard let status = try? file?.status(), status.byteCount > byteCount else { return }
    try? file?.truncate(toByteCount: byteCount)
  }
}
