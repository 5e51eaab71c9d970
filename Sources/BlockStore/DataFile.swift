internal import Bytes
internal import Linux

/// `cache.dat`: a header area of 1 MiB, then fixed-size slots.
///
/// Reads and writes from any thread.
final class DataFile: Sendable {
  let path: String
  private let file: FileDescriptor

  /// Opens the file, making it when absent.
  init(opening path: String) throws(SystemError) {
    self.path = path
    file = try FileDescriptor(opening: path, [.readWrite, .create, .noFollow], mode: 0o600)
  }

  func status() throws(SystemError) -> FileStatus {
    try file.status()
  }

  /// Reads the start of a slot; false unless all of `target` was filled.
  func read(
    slot: UInt32, of geometry: Geometry, into target: inout MutableRawSpan
  ) throws(SystemError) -> Bool {
    try file.read(into: &target, at: geometry.offset(ofSlot: slot)) == target.byteCount
  }

  /// Writes whole slots, which follow one another from `slot` on.
  func write(
    _ buffers: ArraySlice<FrozenBuffer>, slot: UInt32, of geometry: Geometry
  ) throws(SystemError) {
    try file.write(gathering: buffers, at: geometry.offset(ofSlot: slot))
  }

  func syncData() throws(SystemError) {
    try file.syncData()
  }

  func sync() throws(SystemError) {
    try file.sync()
  }

  /// Gives the file its size, its contents zeros, and reserves the space if asked to.
  func reset(to geometry: Geometry, preallocating: Bool) throws(SystemError) {
    try file.truncate(toByteCount: 0)
    try file.truncate(toByteCount: geometry.dataFileByteCount)
    let byteCount = preallocating ? geometry.dataFileByteCount : 64 << 10
    guard let range = ByteRange(offset: 0, byteCount: byteCount) else { return }
    do throws(SystemError) {
      try file.allocate(range)
    } catch {
      // Not every filesystem can; then only a full disk is noticed later.
      if error.errno == .noSpace { throw error }
    }
  }

  /// Makes a file that has been cut off long enough again; what was cut reads as zeros.
  ///
  /// ENOSPC when it is a device that has become too small.
  func extend(to geometry: Geometry) throws(SystemError) {
    if try file.readableByteCount() < geometry.dataFileByteCount {
      try setSlotCount(geometry)
    }
  }

  /// Makes a regular file just large enough for `geometry`, with zeros in what is new; sees to it
  /// that a device is.
  ///
  /// ENOSPC when the device is too small. Not durable before ``sync()``.
  func setSlotCount(_ geometry: Geometry) throws(SystemError) {
    if try file.status().isRegular {
      try file.truncate(toByteCount: geometry.dataFileByteCount)
    } else if try file.readableByteCount() < geometry.dataFileByteCount {
      throw SystemError(call: "BLKGETSIZE64", errno: .noSpace)
    }
  }

  /// Gives the space of slots back that hold nothing; what they read as is unspecified.
  ///
  /// The index on disk must not name them, and no reader hold them. Where filesystem or device do
  /// not support it, nothing happens.
  func discard(_ slots: Range<UInt32>, of geometry: Geometry) throws(SystemError) {
    let range = ByteRange(
      offset: geometry.offset(ofSlot: slots.lowerBound),
      byteCount: UInt64(slots.count) << UInt64(geometry.blockSizeBits))
    guard !slots.isEmpty, let range else { return }
    do throws(SystemError) {
      if try file.status().isRegular {
        try file.punchHole(range)
      } else {
        try file.discard(range)
      }
    } catch {
      if error.errno != .notSupported { throw error }
    }
  }
}

// Superblocks.
extension DataFile {
  /// The newer of the valid superblocks.
  func readHeader() throws(SystemError) -> StoreHeader? {
    var newest: StoreHeader?
    for offset in StoreHeader.offsets {
      let bytes = try file.read(byteCount: StoreHeader.byteCount, at: offset)
      guard let header = StoreHeader(decoding: bytes.rawSpan) else { continue }
      if header.serial > newest?.serial ?? 0 { newest = header }
    }
    return newest
  }

  /// Whether the superblocks' place was never written, or bears our name: not someone else's file.
  func looksLikeOurs() throws(SystemError) -> Bool {
    for offset in StoreHeader.offsets {
      let bytes = try file.read(byteCount: StoreHeader.byteCount, at: offset)
      if bytes.allSatisfy({ $0 == 0 }) { continue }
      guard bytes.count >= 8,
        bytes.rawSpan.load(fromByteOffset: 0, as: UInt64.self) == StoreHeader.magic
      else { return false }
    }
    return true
  }

  /// Writes the superblock to the copy that its serial number selects, durably.
  func write(_ header: StoreHeader) throws(SystemError) {
    let copy = Int(header.serial % UInt64(StoreHeader.offsets.count))
    try file.write(header.encoded.rawSpan, at: StoreHeader.offsets[copy])
    try file.syncData()
  }
}
