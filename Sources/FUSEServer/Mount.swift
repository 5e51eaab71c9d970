internal import Bytes
internal import Linux

/// A mounted filesystem, as /proc/self/mountinfo lists it.
package struct Mount: Equatable, Sendable {
  /// The type that Cullet's own mounts have: FUSE with a subtype.
  package static let culletType = "fuse.cullet"
  /// The type of the kernel's own driver.
  static let kernelType = "erofs"

  /// The directory that it is mounted on, absolute.
  package let directory: String
  /// What was given as its source when it was mounted.
  package let source: String
  package let type: String
  /// The device number that its files show, "major:minor".
  package let device: String

  /// Cullet's mounts in this mount namespace, oldest first; served or dead.
  package static func list() throws(FUSEError) -> [Mount] {
    try all().filter { $0.driver != nil }
  }

  /// What reads the image.
  package enum Driver: String, Codable, Sendable {
    /// Cullet, for the kernel's FUSE.
    case fuse
    /// The kernel, from files that Cullet serves or that are local.
    case kernel
  }

  /// What reads the image; nil when the mount is none of Cullet's.
  package var driver: Driver? {
    switch type {
    case Self.culletType: .fuse
    case Self.kernelType where ServedMark.isKnown(device: device, source: source): .kernel
    default: nil
    }
  }

  /// Whether somebody serves a mount.
  package enum State: String, Sendable {
    case live
    /// Nobody does: only good for unmounting.
    case dead
    /// The server has been asked and says nothing.
    case silent
  }

  /// How long ``state`` waits for the server.
  private static let patienceNanoseconds: UInt64 = 2_000_000_000

  /// Whether somebody serves the mount, which is asked; returns within two seconds or so.
  package var state: State {
    // The kernel's driver answers from what it has cached, also when nobody serves it.
    if driver == .kernel { return ServedMark.isLive(device: device) ? .live : .dead }
    let answer = Lock(State?.none)
    do throws(SystemError) {
      // A thread of its own: nothing but the server's answer, or the end of this process, wakes it.
      _ = try Thread(name: "probe") { [directory] in
        let state = Self.probe(directory)
        answer.withLock { $0 = state }
        answer.signalAll()
      }
    } catch {
      return .silent
    }
    return answer.wait(until: MonotonicClock.now + Self.patienceNanoseconds) { $0 } ?? .silent
  }

  private static func probe(_ directory: String) -> State {
    do throws(SystemError) {
      try MountCalls.probe(directory)
      return .live
    } catch {
      return error.errno == .notConnected || error.errno == .connectionAborted ? .dead : .live
    }
  }

  /// Whether a mount whose files show `device` is anywhere.
  static func isListed(device: String) throws(FUSEError) -> Bool {
    try all().contains { $0.device == device }
  }

  /// The table of the mounts that this process sees; a change of it ends a poll(2).
  static let tablePath = "/proc/self/mountinfo"

  /// The mount that is in sight on `directory`, given in canonical form.
  static func topmost(on directory: String) throws(FUSEError) -> Mount? {
    try all().last { $0.directory == directory }
  }

  /// Every mount, in the order of the table: a later one hides an earlier one on its directory.
  private static func all() throws(FUSEError) -> [Mount] {
    do throws(SystemError) {
      let file = try FileDescriptor(opening: tablePath, .readOnly)
      var text: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 64 << 10)
      while true {
        var span = buffer.mutableRawSpan
        let count = try file.read(into: &span)
        if count == 0 { return parse(text) }
        text += buffer.prefix(count)
      }
    } catch {
      throw FUSEError(error, path: tablePath)
    }
  }

  /// The mounts in the text of a mountinfo file; lines that make no sense are left out.
  package static func parse(_ text: [UInt8]) -> [Mount] {
    MountRecord.parse(text).map { record in
      Mount(
        directory: record.directory, source: record.source, type: record.type,
        device: record.device)
    }
  }
}
