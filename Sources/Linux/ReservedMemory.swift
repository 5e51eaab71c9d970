internal import Bytes
internal import CLinux
internal import Synchronization

/// Zeroed memory that grows without moving: its addresses are reserved at the start.
///
/// It costs nothing until it is touched. One thread at a time may make it grow, while others use what
/// was granted before.
@safe
package struct ReservedMemory: ~Copyable, @unchecked Sendable {
  /// The first byte; those below a count that ``grow(to:)`` has granted may be touched.
  @unsafe
  package let start: UnsafeMutableRawPointer
  private let reservedByteCount: Int
  private let prefersHugePages: Bool
  private let grantedByteCount = Atomic(0)

  /// Reserves the addresses of `byteCount` bytes; nil when the process may not have so many.
  ///
  /// Huge pages are faster where much of it is used at random, and take 2 MiB where one byte is.
  package init?(byteCount: Int, prefersHugePages: Bool = true) {
    self.prefersHugePages = prefersHugePages
    reservedByteCount = byteCount.roundedUp(toMultipleOf: AlignedBuffer.alignment)
    let address = unsafe mmap(
      nil, reservedByteCount, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    // MAP_FAILED, which is a cast.
    guard let address = unsafe address, Int(bitPattern: address) != -1 else { return nil }
    unsafe start = address
  }

  deinit {
    unsafe munmap(start, reservedByteCount)
  }

  /// Grants at least the first `byteCount` bytes; false when memory is short.
  package func grow(to byteCount: Int) -> Bool {
    let wanted = byteCount.roundedUp(toMultipleOf: AlignedBuffer.alignment)
    precondition(wanted <= reservedByteCount, "memory grows beyond what was reserved for it")
    guard wanted > grantedByteCount.load(ordering: .relaxed) else { return true }
    guard unsafe mprotect(start, wanted, PROT_READ | PROT_WRITE) == 0 else { return false }
    if prefersHugePages { unsafe HeapMemory.preferHugePages(start, byteCount: wanted) }
    grantedByteCount.store(wanted, ordering: .relaxed)
    return true
  }
}
