internal import CLinux
internal import Synchronization

/// The memory that `malloc` hands out.
package enum HeapMemory {
  /// How long giving back is not worth its time again: it looks at all of the heap.
  private static let returnInterval: UInt64 = 1_000_000_000
  /// In monotonic nanoseconds.
  private static let lastReturn = Atomic<UInt64>(0)

  /// Gives memory that was freed back to the system, after work that took much for a short time; false,
  /// and nothing is done, when somebody did within the last second.
  ///
  /// The allocator keeps up to 64 MiB for itself otherwise.
  @discardableResult
  package static func returnUnused() -> Bool {
    let now = MonotonicClock.now
    let last = lastReturn.load(ordering: .relaxed)
    guard now - min(now, last) >= returnInterval,
      lastReturn.compareExchange(expected: last, desired: now, ordering: .relaxed).exchanged
    else { return false }
    malloc_trim(0)
    return true
  }

  /// Asks for huge pages behind large memory that is accessed at random, before it is touched: a
  /// miss of the translation cache costs more than one of the data cache, doubly so in a virtual
  /// machine.
  ///
  /// A hint; the pages at both ends are left as they are.
  @unsafe
  package static func preferHugePages(_ start: UnsafeMutableRawPointer, byteCount: Int) {
    let pageByteCount = AlignedBuffer.alignment
    let skipped = -Int(bitPattern: start) & (pageByteCount - 1)
    let whole = (byteCount - skipped) & ~(pageByteCount - 1)
    guard whole > 0 else { return }
    unsafe madvise(start + skipped, whole, MADV_HUGEPAGE)
  }

  /// Gives the memory of whole pages back to the system at once; they read as zeros afterwards.
  @unsafe
  package static func giveBack(_ start: UnsafeMutableRawPointer, byteCount: Int) {
    unsafe madvise(start, byteCount, MADV_DONTNEED)
  }

  /// Has the processor fetch what is at `address` for writing, while the program goes on.
  @unsafe
  package static func prefetch(_ address: UnsafeRawPointer) {
    unsafe cullet_prefetch(address)
  }
}
