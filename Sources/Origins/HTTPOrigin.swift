package import Bytes
internal import Linux
package import ReadPath

/// One object behind HTTP, read by byte ranges that are tied to one version of it.
///
/// Every answer is checked by ``ResponseCheck`` before a byte of it counts. Transport errors and
/// overload answers are retried within a ``RetryPolicy``; after an operation that found the
/// origin down, the next ones make a single attempt until the origin answers again or a moment
/// has passed, so that a mount fails reads quickly instead of collecting sleepers.
package final class HTTPOrigin: Origin {
  /// How the origin is asked; tests shorten it.
  package struct Options: Sendable {
    package var versionPolicy = RetryPolicy.version
    package var readPolicy = RetryPolicy.read
    /// How long one failed operation makes the next ones impatient.
    package var outageMemory: Duration = .seconds(5)
    package var timer = RetryTimer.system

    package init() {}
  }

  private let location: HTTPLocation
  private let options: Options
  private let requester: RangeRequester
  private let check: ResponseCheck
  private let counters = OriginCounters()
  /// Until when, on the timer's clock, the origin is taken to be down.
  private let downUntil = Lock<UInt64>(0)

  package init(
    _ location: HTTPLocation, options: Options = Options(), connections: HTTPConnections = .shared
  ) {
    self.location = location
    self.options = options
    check = ResponseCheck(subject: location.redacted)
    requester = RangeRequester(
      location, check: check, counters: counters, timer: options.timer, connections: connections)
  }

  package var name: String { location.name }

  package var statistics: OriginStatistics { counters.snapshot }

  package func version() async throws(OriginError) -> ObjectVersion {
    // The first byte proves that ranges work and tells the length and validators, in one request
    // and also where HEAD is refused.
    guard let first = ByteRange(offset: 0, byteCount: 1) else {
      preconditionFailure("the first byte is a range")
    }
    var state = RetryState(policy(options.versionPolicy), timer: options.timer)
    while true {
      var version = ObjectVersion(byteCount: 0)
      do throws(AttemptFailure) {
        try await requester.request(
          first, condition: .none, afresh: true, deadline: state.deadline
        ) { [check] head throws(AttemptFailure) in
          version = try check.version(from: head)
          return version.byteCount > 0
        } body: { _ in
        }
        succeeded()
        return version
      } catch {
        try await pause(after: error, progressed: false, &state)
      }
    }
  }

  package func read(
    _ range: ByteRange, of version: ObjectVersion
  ) async throws(OriginError) -> [UInt8] {
    guard range.end <= version.byteCount else {
      throw failed(
        OriginError(
          .malformed,
          "\(location.redacted): bytes up to \(range.end) of an object of \(version.byteCount)"))
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(range.byteCount))
    var state = RetryState(policy(options.readPolicy), timer: options.timer)
    while bytes.count < Int(range.byteCount) {
      let had = bytes.count
      let rest = range.dropping(UInt64(had))
      do throws(AttemptFailure) {
        try await requester.request(
          rest, condition: RequestCondition(version), afresh: false, deadline: state.deadline
        ) { [check] head throws(AttemptFailure) in
          try check.check(head, isPart: rest, of: version)
          return true
        } body: {
          bytes += $0
        }
        guard bytes.count == Int(range.byteCount) else {
          throw .transient(reason: "the answer was cut short")
        }
      } catch {
        // A trickle must not count as progress, or it would renew the attempts for ever.
        let progressed = bytes.count - had >= 65_536
        try await pause(after: error, progressed: progressed, &state)
      }
    }
    succeeded()
    return bytes
  }

  /// Sleeps as long as `state` says after `failure`, or throws the end of the operation.
  private func pause(
    after failure: AttemptFailure, progressed: Bool, _ state: inout RetryState
  ) async throws(OriginError) {
    let reason: String
    let wish: UInt64?
    switch failure {
    case .final(let error):
      throw failed(error)
    case .cancelled:
      throw OriginError(.unavailable, "\(location.redacted): cancelled")
    case .transient(let text, let retryAfter):
      (reason, wish) = (text, retryAfter)
    }
    guard let delay = state.delayAfterFailure(progressed: progressed, retryAfter: wish) else {
      let until = options.timer.now() &+ options.outageMemory.wholeNanoseconds
      downUntil.withLock { $0 = until }
      let tries = state.failureCount == 1 ? "" : " after \(state.failureCount) attempts"
      throw failed(
        OriginError(
          .unavailable,
          "\(location.redacted): \(reason)\(tries); check that the origin is up and try again"))
    }
    counters.countRetry()
    do {
      try await options.timer.sleep(delay)
    } catch {
      throw OriginError(.unavailable, "\(location.redacted): cancelled")
    }
  }

  private func policy(_ policy: RetryPolicy) -> RetryPolicy {
    let until = downUntil.withLock { $0 }
    return options.timer.now() < until ? policy.withoutRetries : policy
  }

  private func succeeded() {
    downUntil.withLock { $0 = 0 }
  }

  private func failed(_ error: OriginError) -> OriginError {
    counters.countFailure()
    return error
  }
}

extension ByteRange {
  /// The range without its first `count` bytes, which it has.
  fileprivate func dropping(_ count: UInt64) -> ByteRange {
    guard let rest = ByteRange(offset: offset + count, byteCount: byteCount - count) else {
      preconditionFailure("a part of a range is a range")
    }
    return rest
  }
}
