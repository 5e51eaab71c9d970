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

  /// Makes the file as long as `geometry` says, by new zeros at the end or by cutting it off.
  func setSlotCount(_ geometry: Geometry) throws(SystemError) {
    try file.truncate(toByteCount: geometry.dataFileByteCount)
  }

  /// Makes a file that has been cut off long enough again; what was cut reads as zeros.
  func extend(to geometry: Geometry) throws(SystemError) {
    if try file.status().byteCount < geometry.dataFileByteCount {
      try file.truncate(toByteCount: geometry.dataFileByteCount)
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

/// The mark of the process that has the cache, and the lock that makes it so.
///
/// The lock lies on an open file description of its own, and goes with the process at the latest;
/// the mark, at byte 8192 of the data file, only tells others whom to ask.
final class OwnerLock: Sendable {
  private static let markOffset: UInt64 = 8192
  private static let magic: UInt64 = 0x5245_4E57_4F4C_5543

  private let file: FileDescriptor

  /// Takes the lock on the data file at `path`; throws `.busy` when someone has it.
  init(locking path: String, directory: String) throws(StoreError) {
    do throws(SystemError) {
      file = try FileDescriptor(opening: path, [.readWrite, .noFollow])
      if try file.tryLockExclusively() { return }
    } catch {
      throw StoreError(error, path: path)
    }
    let owner = Self.mark(in: file)
    let who = owner.map { "process \($0.processID)" } ?? "another process"
    throw StoreError(
      .busy(owner), path: directory,
      message: "the cache in \(directory) is in use by \(who): ask that one, or stop it first")
  }

  /// Leaves this process's mark; others can do without it.
  func leaveMark(_ owner: StoreOwner) {
    var writer = ByteWriter(reservingCapacity: 24)
    writer.append(Self.magic)
    writer.append(UInt64(bitPattern: Int64(owner.processID)))
    writer.append(UInt64(bitPattern: owner.since))
    _ = try? file.write(writer.bytes.rawSpan, at: Self.markOffset)
  }

  private static func mark(in file: borrowing FileDescriptor) -> StoreOwner? {
    guard let bytes = try? file.read(byteCount: 24, at: markOffset), bytes.count == 24 else {
      return nil
    }
    let span = bytes.rawSpan
    guard span.load(fromByteOffset: 0, as: UInt64.self) == magic,
      let processID = Int32(exactly: span.load(fromByteOffset: 8, as: UInt64.self))
    else { return nil }
    return StoreOwner(
      processID: processID,
      since: Int64(bitPattern: span.load(fromByteOffset: 16, as: UInt64.self)))
  }
}
