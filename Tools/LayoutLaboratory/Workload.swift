internal import TestSupport

/// The trace, the same for every layout: an image's worth of small files and some large ones, read
/// once, read again by preference, changed in part, and culled to half.
struct Workload {
  enum Step {
    /// Reads a block and fills it after a miss.
    case read(object: Int, block: Int)
    /// The object is of another version from here on.
    case change(object: Int)
    /// What was filled is to be durable.
    case sync
  }

  static let objectCount = 600
  static let largeBlockCount = 64
  /// Fills between two syncs: a batch of the store.
  private static let batchCount = 256

  /// Every block for the first time.
  let fills: [Step]
  /// Four uses of each block on average, of some objects far more than of others.
  let rereads: [Step]
  /// Every twelfth object in a new version, and its blocks again.
  let changes: [Step]
  let blockCount: Int

  init() {
    var generator = SeededGenerator(seed: 12)
    let sizes = (0..<Self.objectCount).map { object in
      object % 40 == 0 ? Self.largeBlockCount : Int.random(in: 1...6, using: &generator)
    }
    blockCount = sizes.reduce(0, +)
    var fills: [Step] = []
    for object in (0..<Self.objectCount).shuffled(using: &generator) {
      for block in 0..<sizes[object] { fills.append(.read(object: object, block: block)) }
    }
    self.fills = Self.synced(fills)
    rereads = (0..<4 * blockCount).map { _ in
      let draw = Double.random(in: 0..<1, using: &generator)
      let object = Int(draw * draw * Double(Self.objectCount))
      return .read(object: object, block: Int.random(in: 0..<sizes[object], using: &generator))
    }
    var changes: [Step] = []
    for object in stride(from: 5, to: Self.objectCount, by: 12) {
      changes.append(.change(object: object))
      for block in 0..<sizes[object] { changes.append(.read(object: object, block: block)) }
    }
    self.changes = Self.synced(changes)
  }

  private static func synced(_ steps: [Step]) -> [Step] {
    var synced: [Step] = []
    for (index, step) in steps.enumerated() {
      synced.append(step)
      if index % batchCount == batchCount - 1 { synced.append(.sync) }
    }
    return synced + [.sync]
  }
}
