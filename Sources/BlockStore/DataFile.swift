internal import Bytes
internal import Linux

/// The file or block device that holds the blocks: a header area of 1 MiB, then fixed-size slots.
///
/// Slots are read and written past the page cache where the filesystem allows it: what is hot stays
/// in the RAM tier above, and a second copy of it would only cost the copying. Reads and writes
/// from any thread.
final class DataFile: Sendable {
  let path: String
  let file: FileDescriptor
  /// The same file past the page cache; nil where that is impossible or unwanted.
  private let direct: FileDescriptor?
  /// Aligned memory of a slot's size.
  let bounces = BounceBuffers()

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

  /// Reads a slot from byte `start` on, a multiple of a page; false unless all of `target` was
  /// filled.
  func read(
    slot: UInt32, from start: Int = 0, of geometry: Geometry, into target: inout MutableRawSpan
  ) throws(SystemError) -> Bool {
    let offset = geometry.offset(ofSlot: slot) + UInt64(start)
    do throws(SystemError) {
      if let count = try readDirectly(at: offset, geometry, into: &target) {
        return count >= target.byteCount
      }
    } catch {
      if error.errno != .invalidArgument { throw error }
    }
    return try file.read(into: &target, at: offset) == target.byteCount
  }

  /// Reads from byte `start` of `slot`, a multiple of a page, on and across the slots that follow it;
  /// false unless all of `target` was filled, which takes memory that need not be copied into.
  func readInPlace(
    slot: UInt32, from start: Int, of geometry: Geometry, into target: inout MutableRawSpan
  ) throws(SystemError) -> Bool {
    let offset = geometry.offset(ofSlot: slot) + UInt64(start)
    let wanted = target.byteCount
    guard direct != nil else { return try file.read(into: &target, at: offset) == wanted }
    guard target.isWholly(alignedTo: AlignedBuffer.alignment) else { return false }
    return try direct?.read(into: &target, at: offset) == wanted
  }

  /// Reads past the page cache, in place when the memory is fit for it; nil when that is not done.
  private func readDirectly(
    at offset: UInt64, _ geometry: Geometry, into target: inout MutableRawSpan
  ) throws(SystemError) -> Int? {
    guard direct != nil else { return nil }
    if target.isWholly(alignedTo: AlignedBuffer.alignment) {
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

extension MutableRawSpan {
  /// Whether the memory begins and ends at multiples of `alignment`.
  fileprivate mutating func isWholly(alignedTo alignment: Int) -> Bool {
    isAligned(to: alignment) && byteCount & (alignment - 1) == 0
  }
}
