internal import Foundation

/// Free memory of a machine whose host takes back what is free for a while, as balloons and the
/// reporting of free pages do.
///
/// What the host took comes back a page at a time as it is first touched: 7 us a page of 4 KiB were seen
/// where one that is there costs 0.2. Whichever of two sides is measured while the kernel hands out such
/// pages looks slow.
enum BackedMemory {
  /// More than what is read in one measurement, in all caches that it goes through.
  private static let byteCount = 1536 << 20

  /// Touches so much memory in huge pages, the unit in which the host takes it, and frees it: it is handed
  /// out first, and is there for a second or two.
  static func claim() {
    guard
      let start = unsafe mmap(
        nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      unsafe start != MAP_FAILED
    else { return }
    unsafe madvise(start, byteCount, MADV_HUGEPAGE)
    unsafe madvise(start, byteCount, MADV_POPULATE_WRITE)
    unsafe munmap(start, byteCount)
  }
}
