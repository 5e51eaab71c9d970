internal import Linux

/// One block on its way into memory, and everybody who waits for it.
///
/// Completed exactly once, by whoever put it into its ``FlightTable``. The result stays with the
/// flight, so a waiter gets its bytes even when memory has dropped the block meanwhile.
final class Flight: Sendable {
  /// How often a waiting reader looks whether it was interrupted: soon enough for a person.
  private static let interruptionInterval: UInt64 = 50_000_000

  private let outcome = Lock<Result<[UInt8], ReadPathError>?>(nil)

  func complete(_ result: Result<[UInt8], ReadPathError>) {
    outcome.withLock { outcome in
      precondition(outcome == nil, "a flight lands once")
      outcome = result
    }
    outcome.signalAll()
  }

  /// Blocks until the flight lands; returns the block's bytes.
  ///
  /// Throws `.interrupted` soon after the calling thread's request is.
  func wait() throws(ReadPathError) -> [UInt8] {
    while true {
      let deadline = MonotonicClock.now + Self.interruptionInterval
      let result: Result<[UInt8], ReadPathError>? = outcome.wait(until: deadline) { $0 }
      switch result {
      case .success(let bytes): return bytes
      case .failure(let error): throw error
      case nil: if RequestContext.isInterrupted { throw .interrupted }
      }
    }
  }
}

/// The blocks of one object that are being loaded, so that concurrent misses become one load.
///
/// Invariant: a block is taken off only after its bytes are in memory (or its load failed), so a
/// reader that finds neither flight nor memory may start a flight of its own. Thread-safe.
final class FlightTable: Sendable {
  private struct Entry {
    let flight: Flight
    /// Whether somebody waits for it, or is about to.
    var isAwaited: Bool
  }

  private let flights = Lock<[UInt32: Entry]>([:])

  enum Claim {
    /// Somebody loads the block already: wait on the flight.
    case joined(Flight)
    /// The caller must load the block and then call ``FlightTable/land(_:with:)``.
    case owned(Flight)
    /// The block came into memory meanwhile.
    case resident([UInt8])
  }

  /// Joins the flight of `block`, or starts one unless `resident` finds the block.
  func claim(_ block: UInt32, unlessResident resident: () -> [UInt8]?) -> Claim {
    flights.withLock { flights in
      if let flight = flights[block]?.flight {
        flights[block]?.isAwaited = true
        return .joined(flight)
      }
      if let bytes = resident() { return .resident(bytes) }
      let flight = Flight()
      flights[block] = Entry(flight: flight, isAwaited: true)
      return .owned(flight)
    }
  }

  /// Whether somebody loads `block` at the moment.
  func contains(_ block: UInt32) -> Bool {
    flights.withLock { $0[block] != nil }
  }

  /// Starts a flight that nobody waits for yet; false when the block is loaded or resident already.
  func claimAhead(_ block: UInt32, unlessResident isResident: () -> Bool) -> Bool {
    flights.withLock { flights in
      guard flights[block] == nil, !isResident() else { return false }
      flights[block] = Entry(flight: Flight(), isAwaited: false)
      return true
    }
  }

  /// The first of `blocks` that somebody waits for.
  func firstAwaited(of blocks: Range<UInt32>) -> UInt32? {
    flights.withLock { flights in blocks.first { flights[$0]?.isAwaited ?? false } }
  }

  /// Gives up the flights of `blocks` but for those that somebody joined, which are returned.
  func abandon(_ blocks: Range<UInt32>) -> [UInt32] {
    flights.withLock { flights in
      blocks.filter { block in
        let isAwaited = flights[block]?.isAwaited ?? false
        if !isAwaited { flights[block] = nil }
        return isAwaited
      }
    }
  }

  /// Hands the outcome to everybody who waits for `block`.
  func land(_ block: UInt32, with outcome: Result<[UInt8], ReadPathError>) {
    let flight = flights.withLock { $0.removeValue(forKey: block)?.flight }
    precondition(flight != nil, "a landed block was in flight")
    flight?.complete(outcome)
  }
}
