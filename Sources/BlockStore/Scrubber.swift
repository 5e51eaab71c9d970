internal import Linux

/// Reads the cache back slot by slot, so that what goes bad is found before somebody wants it.
///
/// A block that cannot be read, or is not what was written, goes the way of one that failed a
/// reader: a miss from then on, its slot out of use. A pass begins at a random slot and goes round,
/// so that a cache which is never open for long is covered all the same.
///
/// Belongs to one thread, which holds no lock while it reads.
struct Scrubber: ~Copyable {
  /// What a step came to.
  enum Step {
    case checked(isRight: Bool)
    /// There was nothing to read where the pass is.
    case moved
    /// Every slot has been visited.
    case passEnded
  }

  private let core: StoreCore
  private var buffer: AlignedBuffer
  /// Where the pass goes on, and the slots that it has before it; nil between passes.
  private var pass: (slot: UInt32, remainingCount: Int)?
  /// Blocks that the pass has found, the next one last.
  private var found: [LiveBlock] = []

  init(core: StoreCore) {
    self.core = core
    buffer = AlignedBuffer(byteCount: core.geometry.blockByteCount)
  }

  /// Whether the next step begins a pass.
  var isBetweenPasses: Bool { pass == nil }

  /// Reads one block at most.
  mutating func step() -> Step {
    let slotCount = core.geometry.slotCount
    var pass = pass ?? (UInt32.random(in: 0..<UInt32(slotCount)), slotCount)
    if found.isEmpty {
      guard pass.remainingCount > 0 else {
        self.pass = nil
        return .passEnded
      }
      // The cache may have shrunk since.
      if pass.slot >= slotCount { pass.slot = 0 }
      let end = pass.slot + UInt32(min(slotCount - Int(pass.slot), pass.remainingCount))
      let slots = pass.slot..<end
      let group = core.queue.perform { writer in writer.liveBlocks(in: slots) }
      found = group?.blocks.reversed() ?? []
      // A store that is closed has nothing to find.
      let next = group?.next ?? end
      pass.remainingCount -= Int(next - pass.slot)
      pass.slot = next
    }
    self.pass = pass
    guard let block = found.popLast(), let isRight = core.check(block, using: &buffer) else {
      return .moved
    }
    return .checked(isRight: isRight)
  }
}
