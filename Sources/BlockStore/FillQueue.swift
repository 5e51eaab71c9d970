internal import Linux
internal import Synchronization

/// A block on its way to the disk.
///
/// Readers are served from here until it is there.
final class PendingBlock: Sendable {
  let incarnation: Incarnation
  let block: UInt32
  /// The whole slot: the block's bytes, then zeros.
  let buffer: FrozenBuffer
  let validByteCount: Int
  let checksum: UInt64
  /// Those of the block's pages.
  let pageChecks: [UInt64]
  /// Set by the writer when the index names the block, durably.
  let isDurable = Atomic<Bool>(false)
  /// Set by the writer when a later fill of the same block took this one's place.
  let isOvertaken = Atomic<Bool>(false)
  /// Told whether the block became durable, when that is known.
  private let onSettled: (@Sendable (Bool) -> Void)?

  init(
    incarnation: Incarnation, block: UInt32, copying bytes: RawSpan, slotByteCount: Int,
    onSettled: (@Sendable (Bool) -> Void)? = nil
  ) {
    self.onSettled = onSettled
    self.incarnation = incarnation
    self.block = block
    buffer = FrozenBuffer(copying: bytes, paddedTo: slotByteCount)
    validByteCount = bytes.byteCount
    // Here rather than on the writer thread: fillers are many.
    checksum = incarnation.identity.checksum(ofBlock: block, bytes)
    pageChecks = PageChecks.checks(of: bytes, checksum: checksum)
  }

  /// Tells blocks apart, and orders those of one object.
  var place: UInt64 { UInt64(incarnation.handle) << 32 | UInt64(block) }

  /// Tells whoever waits what became of the block, once.
  func settle() {
    let isDurable = isDurable.load(ordering: .relaxed)
    if !isDurable, !isOvertaken.load(ordering: .relaxed) { incarnation.noteLostFill() }
    onSettled?(isDurable)
  }
}

/// What the writer thread has before it: blocks to write, and work that others wait for.
///
/// Invariants: at most `State.byteCountMax` bytes wait, counting those being written. A block is
/// found from the moment it is added until after it is in the ``SlotTable``, or has been dropped.
final class FillQueue: Sendable {
  typealias Job = @Sendable (CommitWriter) -> Void

  /// What the writer should do next.
  enum Work {
    case job(Job)
    /// A batch is full, or its first block has waited long enough.
    case batch
    /// Somebody noticed something that only the writer can do.
    case maintenance
    case stop
  }

  private struct Key: Hashable {
    let handle: UInt32
    let block: UInt32
  }

  private struct State {
    var blocks: [Key: PendingBlock] = [:]
    var waiting: [PendingBlock] = []
    var batchCountMax = 1
    var byteCountMax = 0
    /// Of the blocks waiting and being written.
    var byteCount = 0
    /// When the first of `waiting` came: monotonic nanoseconds.
    var firstArrival: UInt64 = 0
    var jobs: [Job] = []
    var isMaintenanceDue = false
    var isStopping = false
  }

  private enum Decision {
    case work(Work)
    case sleep(until: UInt64?)
  }

  /// A batch is closed this long after its first block.
  static let batchDelay: UInt64 = 100_000_000
  private let state = Lock(State())
  /// Blocks that can be found here, so that a hit need not take the lock when there are none.
  private let findableCount = Atomic<Int>(0)

  /// How long a fill waits for room: nanoseconds.
  private let fillWait: UInt64

  init(_ geometry: Geometry, fillWait: UInt64) {
    self.fillWait = fillWait
    resize(to: geometry)
  }

  /// Sets how much a batch and the queue may hold for a cache of this shape.
  func resize(to geometry: Geometry) {
    // A batch of a small cache must not push most of it out.
    let batchCount = min(
      256, max(1, (16 << 20) / geometry.blockByteCount), max(1, geometry.slotCount / 8))
    state.withLock { state in
      state.batchCountMax = batchCount
      state.byteCountMax = min(
        64 << 20,
        max(2 * batchCount * geometry.blockByteCount, Int(geometry.capacityByteCount / 4)))
    }
  }

  /// Blocks that a batch may have.
  var batchCountMax: Int { state.withLock { state in state.batchCountMax } }
}

// For fills and reads, on any thread.
extension FillQueue {
  /// The block, if it is on its way.
  func find(handle: UInt32, block: UInt32) -> PendingBlock? {
    guard findableCount.load(ordering: .acquiring) > 0 else { return nil }
    return state.withLock { state in state.blocks[Key(handle: handle, block: block)] }
  }

  /// Waits for room for `byteCount` bytes and takes it; false when none came in time.
  func reserve(_ byteCount: Int) -> Bool {
    let reserve: (inout State) -> Bool? = { state in
      if state.isStopping { return false }
      guard state.byteCount + byteCount <= state.byteCountMax else { return nil }
      state.byteCount += byteCount
      return true
    }
    if let reserved = state.withLock(reserve) { return reserved }
    return state.wait(until: MonotonicClock.now + fillWait, reserve) ?? false
  }

  /// Adds a block for which room has been reserved.
  func add(_ block: PendingBlock) {
    block.incarnation.pendingCount.wrappingAdd(1, ordering: .relaxed)
    let key = Key(handle: block.incarnation.handle, block: block.block)
    let mustWake = state.withLock { state in
      if state.blocks.updateValue(block, forKey: key) == nil {
        findableCount.wrappingAdd(1, ordering: .releasing)
      }
      if state.waiting.isEmpty { state.firstArrival = MonotonicClock.now }
      state.waiting.append(block)
      return state.waiting.count == 1 || state.waiting.count == state.batchCountMax
    }
    if mustWake { state.signalAll() }
  }

  var byteCount: Int { state.withLock { state in state.byteCount } }

  /// Has the writer look around for what is due.
  func requestMaintenance() {
    let mustWake = state.withLock { state in
      defer { state.isMaintenanceDue = true }
      return !state.isMaintenanceDue
    }
    if mustWake { state.signalAll() }
  }

  /// Runs `body` on the writer thread, between batches, and returns its result; nil when the writer
  /// has stopped.
  func perform<Result: Sendable>(_ body: @escaping @Sendable (CommitWriter) -> Result) -> Result? {
    let answer = Lock(Result?.none)
    let accepted = state.withLock { state in
      guard !state.isStopping else { return false }
      state.jobs.append { writer in
        let result = body(writer)
        answer.withLock { answer in answer = result }
        answer.signalAll()
      }
      return true
    }
    guard accepted else { return nil }
    state.signalAll()
    return answer.wait { answer in answer }
  }

  /// Has the writer finish the jobs that it has and stop; no more are taken.
  func stop() {
    state.withLock { state in state.isStopping = true }
    state.signalAll()
  }
}

// For the writer.
extension FillQueue {
  /// Waits for something to do.
  func next() -> Work {
    var deadline: UInt64?
    while true {
      let decision = state.wait(until: deadline) { [deadline] state -> Decision? in
        if !state.jobs.isEmpty { return .work(.job(state.jobs.removeFirst())) }
        if state.isStopping { return .work(.stop) }
        if state.isMaintenanceDue {
          state.isMaintenanceDue = false
          return .work(.maintenance)
        }
        guard !state.waiting.isEmpty else { return deadline == nil ? nil : .sleep(until: nil) }
        let due = state.firstArrival + Self.batchDelay
        if state.waiting.count >= state.batchCountMax || MonotonicClock.now >= due {
          return .work(.batch)
        }
        return deadline == due ? nil : .sleep(until: due)
      }
      switch decision {
      case .work(let work): return work
      case .sleep(let until): deadline = until
      case nil: continue  // the deadline has passed: the next look finds the batch due
      }
    }
  }

  /// The blocks of the next batch, in order of arrival.
  ///
  /// ``finish(_:)`` must follow.
  func takeBatch() -> [PendingBlock] {
    state.withLock { state in
      let batch = Array(state.waiting.prefix(state.batchCountMax))
      state.waiting.removeFirst(batch.count)
      state.firstArrival = MonotonicClock.now
      return batch
    }
  }

  /// Drops what waits, when no batch comes any more.
  func dropWaiting() {
    let rest = state.withLock { state in
      defer { state.waiting.removeAll() }
      return state.waiting
    }
    finish(rest)
  }

  /// How many blocks wait.
  var waitingCount: Int { state.withLock { state in state.waiting.count } }

  /// Forgets blocks that are on disk and in the table now, or that could not be written.
  func finish(_ batch: [PendingBlock]) {
    for block in batch { block.settle() }
    state.withLock { state in
      for block in batch {
        let key = Key(handle: block.incarnation.handle, block: block.block)
        // A newer fill of the same block may have taken its place, and waits for its own batch.
        if state.blocks[key] === block {
          state.blocks[key] = nil
          findableCount.wrappingSubtract(1, ordering: .releasing)
        }
        state.byteCount -= block.buffer.byteCount
        block.incarnation.pendingCount.wrappingSubtract(1, ordering: .releasing)
      }
    }
    state.signalAll()
  }
}
