internal import Bytes
internal import Linux

/// The file or block device that holds the blocks: a header area of 1 MiB, then fixed-size slots.
///
/// Slots are read and written past the page cache where the filesystem allows it: what is hot stays
/// in the RAM tier above, and a second copy of it would only cost the copying. Reads and writes from
/// any thread.
final class DataFile: Sendable {
  let path: String
  private let file: FileDescriptor
  /// The same file past the page cache; nil where that is impossible or unwanted.
  private let direct: FileDescriptor?
  private let bounces = BounceBuffers()

  /// Opens the file at `place`, making it when absent if the place says so.
  init(opening place: DataPlace, _ mode: StoreConfiguration.IOMode) throws(SystemError) {
    path = place.path
    file = try FileDescriptor(
      opening: place.path, [.readWrite, place.openFlags], mode: 0o600)
    direct =
      mode == .buffered
      ? nil
      : try? FileDescriptor(
        opening: place.path, [.readWrite, .direct, place.openFlags.subtracting(.create)])
  }

  func status() throws(SystemError) -> FileStatus {
    try file.status()
  }

  /// The bytes of a regular file, or the size of a device.
  func byteCount() throws(SystemError) -> UInt64 {
    try file.readableByteCount()
  }

  /// Bytes that are left where a regular file is.
  func availableByteCount() throws(SystemError) -> UInt64 {
    try file.availableByteCount()
  }

  /// Reads the start of a slot; false unless all of `target` was filled.
  func read(
    slot: UInt32, of geometry: Geometry, into target: inout MutableRawSpan
  ) throws(SystemError) -> Bool {
    let offset = geometry.offset(ofSlot: slot)
    do throws(SystemError) {
      if let count = try readDirectly(at: offset, geometry, into: &target) {
        return count >= target.byteCount
      }
    } catch {
      if error.errno != .invalidArgument { throw error }
    }
    return try file.read(into: &target, at: offset) == target.byteCount
  }

  /// Reads past the page cache, in place when the memory is fit for it; nil when that is not done.
  private func readDirectly(
    at offset: UInt64, _ geometry: Geometry, into target: inout MutableRawSpan
  ) throws(SystemError) -> Int? {
    guard direct != nil else { return nil }
    if target.isAligned(to: AlignedBuffer.alignment) {
      return try direct?.read(into: &target, at: offset)
    }
    let byteCount = target.byteCount
    return try bounces.withBuffer(ofByteCount: geometry.blockByteCount) {
      (buffer: inout AlignedBuffer) throws(SystemError) -> Int? in
      var bytes = buffer.mutableBytes
      var part = bytes._mutatingExtracting(
        0..<byteCount.roundedUp(toMultipleOf: AlignedBuffer.alignment))
      let count = try direct?.read(into: &part, at: offset)
      target.copy(part.bytes.extracting(0..<byteCount))
      return count
    }
  }

  /// Writes whole slots, which follow one another from `slot` on.
  func write(
    _ buffers: ArraySlice<FrozenBuffer>, slot: UInt32, of geometry: Geometry
  ) throws(SystemError) {
    let offset = geometry.offset(ofSlot: slot)
    do throws(SystemError) {
      if try direct?.write(gathering: buffers, at: offset) != nil { return }
    } catch {
      // Some filesystems take the flag and refuse the call.
      if error.errno != .invalidArgument { throw error }
    }
    try file.write(gathering: buffers, at: offset)
  }

  /// Makes what was written durable, past the page cache or through it.
  func syncData() throws(SystemError) {
    try file.syncData()
  }

  func sync() throws(SystemError) {
    try file.sync()
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

  /// Whether a superblock's place bears our name.
  func bearsOurName() throws(SystemError) -> Bool {
    for offset in StoreHeader.offsets {
      let bytes = try file.read(byteCount: 8, at: offset)
      if bytes.count == 8,
        bytes.rawSpan.load(fromByteOffset: 0, as: UInt64.self) == StoreHeader.magic
      {
        return true
      }
    }
    return false
  }

  /// Whether the header area holds nothing but zeros.
  func isBlank() throws(SystemError) -> Bool {
    let bytes = try file.read(byteCount: Int(Geometry.headerByteCount), at: 0)
    return bytes.allSatisfy { $0 == 0 }
  }

  /// Writes the superblock to the copy that its serial number selects, durably.
  func write(_ header: StoreHeader) throws(SystemError) {
    let copy = Int(header.serial % UInt64(StoreHeader.offsets.count))
    try file.write(header.encoded.rawSpan, at: StoreHeader.offsets[copy])
    try file.syncData()
  }
}

// Space.
extension DataFile {
  /// What is written at a time when space is preallocated by writing.
  private static let zerosByteCount = 4 << 20

  /// Gives the file its size and its header area zeros, and reserves the space if asked to.
  ///
  /// ENOSPC when there is no room; the file may have grown by then.
  func reset(
    to geometry: Geometry, _ preallocation: StoreConfiguration.Preallocation
  ) throws(SystemError) {
    let isRegular = try file.status().isRegular
    if isRegular {
      try file.truncate(toByteCount: 0)
      try file.truncate(toByteCount: geometry.dataFileByteCount)
      try allocate(geometry, preallocation)
    } else {
      try setSlotCount(geometry)
    }
    if preallocation == .write {
      try writeZeros(upTo: geometry.dataFileByteCount)
    } else if !isRegular {
      try writeZeros(upTo: Geometry.headerByteCount)
    }
  }

  /// Gives all space of a regular file back; of a device, the header area goes blank.
  func clear() throws(SystemError) {
    if try file.status().isRegular {
      try file.truncate(toByteCount: 0)
    } else {
      try writeZeros(upTo: Geometry.headerByteCount)
    }
  }

  private func allocate(
    _ geometry: Geometry, _ preallocation: StoreConfiguration.Preallocation
  ) throws(SystemError) {
    let byteCount = preallocation == .none ? 64 << 10 : geometry.dataFileByteCount
    guard let range = ByteRange(offset: 0, byteCount: byteCount) else { return }
    do throws(SystemError) {
      try file.allocate(range)
    } catch {
      // Not every filesystem can; then only a full disk is noticed later.
      guard error.errno == .notSupported, preallocation != .allocate else { throw error }
    }
  }

  private func writeZeros(upTo end: UInt64) throws(SystemError) {
    let zeros = AlignedBuffer(byteCount: Int(min(end, UInt64(Self.zerosByteCount))))
    var offset: UInt64 = 0
    while offset < end {
      let count = Int(min(end - offset, UInt64(zeros.byteCount)))
      try file.write(zeros.bytes.extracting(0..<count), at: offset)
      offset += UInt64(count)
      // The page cache must not fill up with what nobody will read.
      if offset % (64 << 20) == 0 { try file.syncData() }
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

extension MutableRawSpan {
  /// Whether the memory begins and ends at multiples of `alignment`.
  fileprivate mutating func isAligned(to alignment: Int) -> Bool {
    unsafe withUnsafeMutableBytes { bytes in
      (Int(bitPattern: bytes.baseAddress) | bytes.count) & (alignment - 1) == 0
    }
  }
}
