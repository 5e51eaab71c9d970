internal import Linux
internal import Synchronization

/// Counters that many threads count up: each in a cache line that few others touch.
@safe
final class TierCounters: @unchecked Sendable {
  enum Name: Int {
    case hits
    case sharedHits
    case compressedHits
    case misses
  }

  private static let stripeCount = 16
  /// Words in a cache line.
  private static let stride = 8

  private let words: UnsafeMutablePointer<Atomic<UInt64>>

  init() {
    let count = Self.stripeCount * Self.stride
    let memory = UnsafeMutableRawPointer.allocate(byteCount: count * 8, alignment: 64)
    unsafe words = memory.bindMemory(to: Atomic<UInt64>.self, capacity: count)
    for index in 0..<count { unsafe (words + index).initialize(to: Atomic(0)) }
  }

  deinit {
    unsafe words.deinitialize(count: Self.stripeCount * Self.stride)
    unsafe UnsafeMutableRawPointer(words).deallocate()
  }

  @inline(__always)
  func add(_ amount: UInt64, to name: Name) {
    let stripe = Int(truncatingIfNeeded: Thread.currentHash) & (Self.stripeCount - 1)
    unsafe words[stripe * Self.stride + name.rawValue].add(amount, ordering: .relaxed)
  }

  func total(of name: Name) -> UInt64 {
    var sum: UInt64 = 0
    for stripe in 0..<Self.stripeCount {
      sum &+= unsafe words[stripe * Self.stride + name.rawValue].load(ordering: .relaxed)
    }
    return sum
  }
}
