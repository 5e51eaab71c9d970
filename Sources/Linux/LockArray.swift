internal import CLinux

/// A row of mutexes for state that is sharded by hash, each on a cache line of its own.
///
/// ``Lock`` keeps the state it guards; this one does not, for state that lives in raw memory. The
/// calls are not generic, so they cost the same from any module: some 15 ns a pair, uncontended.
@safe
package final class LockArray: @unchecked Sendable {
  private static let stride = 64

  package let count: Int
  private let base: UnsafeMutableRawPointer

  /// `count` unlocked mutexes, at least 1.
  package init(count: Int) {
    self.count = count
    unsafe base = .allocate(byteCount: count * Self.stride, alignment: Self.stride)
    for index in 0..<count {
      let mutex = unsafe (base + index * Self.stride).initializeMemory(
        as: pthread_mutex_t.self, to: pthread_mutex_t())
      unsafe pthread_mutex_init(mutex, nil)
    }
  }

  deinit {
    for index in 0..<count { unsafe pthread_mutex_destroy(mutex(index)) }
    unsafe base.deallocate()
  }

  /// Locks mutex `index`; not reentrant.
  package func lock(_ index: Int) {
    unsafe pthread_mutex_lock(mutex(index))
  }

  /// Unlocks mutex `index`, which this thread holds.
  package func unlock(_ index: Int) {
    unsafe pthread_mutex_unlock(mutex(index))
  }

  private func mutex(_ index: Int) -> UnsafeMutablePointer<pthread_mutex_t> {
    precondition(index >= 0 && index < count, "no such mutex")
    return unsafe (base + index * Self.stride).assumingMemoryBound(to: pthread_mutex_t.self)
  }
}
