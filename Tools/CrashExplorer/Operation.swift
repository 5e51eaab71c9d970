internal import TestSupport

/// One thing that a workload does to the cache.
enum Operation: Hashable {
  /// Binds an object in a new version, which drops its blocks.
  case renew(object: Int)
  case fill(object: Int, block: UInt32, count: Int)
  case read(object: Int, block: UInt32, count: Int)
  /// Makes all fills so far durable.
  case flush
  case cull(count: Int)
  case invalidate(object: Int)
  case remove(object: Int)
  /// Sets `bcull`, with `brun` and `bstop` around it.
  case limit(cull: Int)
  case pin(object: Int, Range<UInt32>)
  case unpin(object: Int, Range<UInt32>)
  case resize(slotCount: Int)
  case reopen(cleanly: Bool)

  /// A random operation; what a cache does often is drawn often.
  static func random(using generator: inout SeededGenerator) -> Operation {
    let object = TrialCache.objects.randomElement(using: &generator) ?? 0
    let block = TrialCache.blocks.randomElement(using: &generator) ?? 0
    let count = Int.random(in: 1...6, using: &generator)
    switch Int.random(in: 0..<100, using: &generator) {
    case 0..<37: return .fill(object: object, block: block, count: 2 * count)
    case 37..<50: return .read(object: object, block: block, count: count)
    case 50..<67: return .flush
    case 67..<72: return .cull(count: 2 * count)
    case 72..<75: return .invalidate(object: object)
    case 75..<79: return .renew(object: object)
    case 79..<81: return .remove(object: object)
    case 81..<83: return .limit(cull: 3 + count)
    case 83..<88: return .pin(object: object, blocks(from: block, count, using: &generator))
    case 88..<91: return .unpin(object: object, blocks(from: block, 3 * count, using: &generator))
    case 91..<96:
      return .resize(slotCount: TrialCache.slotCounts.randomElement(using: &generator) ?? 0)
    case 96..<98: return .reopen(cleanly: true)
    default: return .reopen(cleanly: false)
    }
  }

  /// Some blocks, or the whole of an object.
  private static func blocks(
    from first: UInt32, _ count: Int, using generator: inout SeededGenerator
  ) -> Range<UInt32> {
    guard Int.random(in: 0..<4, using: &generator) > 0 else { return TrialCache.wholeObject }
    return first..<min(first + UInt32(count), TrialCache.blocks.upperBound)
  }
}
