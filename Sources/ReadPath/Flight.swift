internal import Linux

/// One block on its way into memory, and everybody who waits for it.
///
/// Completed exactly once, by whoever put it into its ``FlightTable``. The result stays with the
/// flight, so a waiter gets its bytes even when memory has dropped the block meanwhile.
final class Flight: Sendable {
  enum Outcome: Sendable {
    case arrived([UInt8])
    case failed(ReadPathError)
    /// Nobody wanted it enough; whoever joined it must load the block by itself.
    case abandoned
  }

  /// How often a waiting reader looks whether it was interrupted: soon enough for a person.
  private static let interruptionInterval: UInt64 = 50_000_000

  private let outcome = Lock<Outcome?>(nil)

  func complete(_ result: Outcome) {
    outcome.withLock { outcome in
      precondition(outcome == nil, "a flight lands once")
      outcome = result
    }
    outcome.signalAll()
  }

  /// Blocks until the flight lands; returns the block's bytes, or nil when it was abandoned.
  ///
  /// Throws `.interrupted` soon after the calling thread's request is.
  func wait() throws(ReadPathError) -> [UInt8]? {
    while true {
      let deadline = MonotonicClock.now + Self.interruptionInterval
      let result: Outcome? = outcome.wait(until: deadline) { $0 }
      switch result {
      case .arrived(let bytes): return bytes
      case .failed(let error): throw error
      case .abandoned: return nil
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
  private let flights = Lock<[UInt32: Flight]>([:])

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
      if let flight = flights[block] { return .joined(flight) }
      if let bytes = resident() { return .resident(bytes) }
      let flight = Flight()
      flights[block] = flight
      return .owned(flight)
    }
  }

  /// Starts a flight for `block` unless somebody loads it; false then.
  func claimAhead(_ block: UInt32) -> Bool {
    flights.withLock { flights in
      guard flights[block] == nil else { return false }
      flights[block] = Flight()
      return true
    }
  }

  /// Hands the outcome to everybody who waits for `block`.
  func land(_ block: UInt32, with outcome: Flight.Outcome) {
    let flight = flights.withLock { $0.removeValue(forKey: block) }
    precondition(flight != nil, "a landed block was in flight")
    flight?.complete(outcome)
  }
}
