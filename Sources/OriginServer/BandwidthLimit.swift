internal import Linux

/// A rate that any number of senders share: each books its bytes and sleeps until they are due.
final class BandwidthLimit: Sendable {
  private let bytesPerSecond: UInt64
  /// When the link has sent all that is booked, on the monotonic clock.
  private let freeAt = Lock<UInt64>(0)

  /// A rate of at least 1.
  init(bytesPerSecond: UInt64) {
    self.bytesPerSecond = max(1, bytesPerSecond)
  }

  /// The most to send at once: a twentieth of a second's worth, so that senders alternate.
  var pieceByteCount: Int {
    Int(min(max(bytesPerSecond / 20, 512), UInt64(ServedFile.pieceByteCount)))
  }

  /// Books `byteCount` bytes and sleeps until the last of them has been sent.
  func send(_ byteCount: Int) async throws {
    let cost = UInt64(Double(byteCount) / Double(bytesPerSecond) * 1e9)
    let now = MonotonicClock.now
    let due = freeAt.withLock { freeAt in
      freeAt = max(freeAt, now) + cost
      return freeAt
    }
    if due > now { try await Task.sleep(nanoseconds: due - now) }
  }
}
