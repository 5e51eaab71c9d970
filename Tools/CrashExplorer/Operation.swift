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
  case reopen(cleanly: Bool)

  /// A random operation; what a cache does often is drawn often.
  static func random(using generator: inout SeededGenerator) -> Operation {
    let object = TrialCache.objects.randomElement(using: &generator) ?? 0
    let block = TrialCache.blocks.randomElement(using: &generator) ?? 0
    let count = Int.random(in: 1...6, using: &generator)
    switch Int.random(in: 0..<100, using: &generator) {
    case 0..<40: return .fill(object: object, block: block, count: 2 * count)
    case 40..<58: return .read(object: object, block: block, count: count)
    case 58..<78: return .flush
    case 78..<83: return .cull(count: 2 * count)
    case 83..<87: return .invalidate(object: object)
    case 87..<91: return .renew(object: object)
    case 91..<94: return .remove(object: object)
    case 94..<96: return .limit(cull: 3 + count)
    case 96..<98: return .reopen(cleanly: true)
    default: return .reopen(cleanly: false)
    }
  }
}
