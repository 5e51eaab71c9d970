internal import Bytes
internal import Linux

/// The mark of the process that has the cache, and the lock that makes it so.
///
/// The locks lie on open file descriptions of their own, and go with the process at the latest: one
/// on the directory, one on the data, wherever it is, so that neither two owners of a directory nor
/// two directories with the same data get by. A block device is claimed as mounting it does. The
/// mark, at byte 8192 of the data file, only tells others whom to ask.
final class OwnerLock: Sendable {
  private static let markOffset: UInt64 = 8192
  private static let magic: UInt64 = 0x5245_4E57_4F4C_5543

  private let directory: FileDescriptor
  private let file: FileDescriptor
  /// What keeps the system from mounting the device.
  private let claim: FileDescriptor?

  /// Takes the locks, making the data file when absent if `place` says so; throws `.busy` when
  /// someone has them.
  init(locking place: DataPlace, directory: String) throws(StoreError) {
    do throws(SystemError) {
      self.directory = try FileDescriptor(opening: directory, [.readOnly, .directory])
      guard try self.directory.tryLockWholly() else {
        throw SystemError(call: "flock", errno: .tryAgain)
      }
    } catch {
      throw Self.failure(error, place, directory)
    }
    do throws(SystemError) {
      file = try FileDescriptor(opening: place.path, [.readWrite, place.openFlags], mode: 0o600)
      guard try file.tryLockExclusively() else {
        throw SystemError(call: "fcntl", errno: .tryAgain)
      }
      claim =
        try file.status().isBlockDevice
        ? try FileDescriptor(opening: place.path, [.readOnly, .exclusive]) : nil
    } catch {
      throw Self.failure(error, place, directory)
    }
  }

  private static func failure(
    _ error: SystemError, _ place: DataPlace, _ directory: String
  ) -> StoreError {
    switch error.errno {
    case .tryAgain:
      let owner = mark(at: place.path)
      let who = owner.map { "process \($0.processID)" } ?? "another process"
      return StoreError(
        .busy(owner), path: directory,
        message: "the cache in \(directory) is in use by \(who): ask that one, or stop it first")
    case .busy:
      return StoreError(
        .busy(nil), path: place.path,
        message: "\(place.path) is in use by the system: unmount it, or choose another device")
    default:
      return StoreError(error, at: place, of: directory)
    }
  }

  /// Leaves this process's mark; others can do without it.
  func leaveMark(_ owner: StoreOwner) {
    var writer = ByteWriter(reservingCapacity: 24)
    writer.append(Self.magic)
    writer.append(UInt64(bitPattern: Int64(owner.processID)))
    writer.append(UInt64(bitPattern: owner.since))
    _ = try? file.write(writer.bytes.rawSpan, at: Self.markOffset)
  }

  private static func mark(at path: String) -> StoreOwner? {
    guard let file = try? FileDescriptor(opening: path, [.readOnly, .nonBlocking]),
      let bytes = try? file.read(byteCount: 24, at: markOffset), bytes.count == 24
    else { return nil }
    let span = bytes.rawSpan
    guard span.load(fromByteOffset: 0, as: UInt64.self) == magic,
      let processID = Int32(exactly: span.load(fromByteOffset: 8, as: UInt64.self))
    else { return nil }
    return StoreOwner(
      processID: processID,
      since: Int64(bitPattern: span.load(fromByteOffset: 16, as: UInt64.self)))
  }
}
