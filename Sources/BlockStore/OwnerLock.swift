internal import Bytes
internal import Linux

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
