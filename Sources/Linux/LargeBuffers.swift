internal import CLinux

/// Memory for what is read a mebibyte at a time, each half of a huge page, lent by one process-wide
/// pool.
///
/// A disk of a virtual machine takes a descriptor for every stretch of memory that it fills, so that
/// reads past the page cache into 256 pages from all over take more than twice as long as into one
/// stretch. Where the kernel has no huge page to spare it is ordinary memory. Thread-safe; taking and
/// giving back is O(buffers).
package final class LargeBuffers: Sendable {
  /// The pool of the process.
  package static let shared = LargeBuffers()

  /// The bytes of each buffer.
  package static let byteCount = 1 << 20
  private static let pageByteCount = 2 << 20

  /// A huge page that two buffers share.
  @safe
  private struct Page: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    /// A bit for each half.
    var takenHalves: UInt8 = 0
    /// Whether one was taken since the last look.
    var wasUsed = false
    /// Whether there may be memory behind the addresses.
    var isTouched = false
  }

  private let pages = Lock<[Page]>([])

  private init() {}

  /// A buffer of arbitrary content, which goes back with its owner; nil when there is no memory.
  package func take() -> LargeBuffer? {
    pages.withLock { pages -> LargeBuffer? in
      // The first that is free: what is taken together lies together, and the rest can be let go.
      let index = pages.firstIndex { $0.takenHalves != 3 } ?? pages.count
      if index == pages.count {
        guard let base = unsafe Self.map() else { return nil }
        pages.append(unsafe Page(base: base))
      }
      let half = pages[index].takenHalves & 1 == 0 ? 0 : 1
      pages[index].takenHalves |= 1 << half
      pages[index].wasUsed = true
      pages[index].isTouched = true
      return unsafe LargeBuffer(
        start: pages[index].base + half * Self.byteCount, page: index, half: half)
    }
  }

  fileprivate func giveBack(page: Int, half: Int) {
    pages.withLock { pages in pages[page].takenHalves &= ~(1 << half) }
  }

  /// Gives the system back the memory of buffers that nobody has, and unless `evenRecent` had since
  /// this was called last.
  package func discardIdle(evenRecent: Bool = false) {
    pages.withLock { pages in
      for index in pages.indices where pages[index].isTouched {
        if pages[index].takenHalves == 0, evenRecent || !pages[index].wasUsed {
          unsafe HeapMemory.giveBack(pages[index].base, byteCount: Self.pageByteCount)
          pages[index].isTouched = false
        }
        pages[index].wasUsed = false
      }
    }
  }

  /// The bytes of memory that buffers have, or had and nobody gave back.
  package var heldByteCount: Int {
    pages.withLock { pages in pages.count { $0.isTouched } * Self.pageByteCount }
  }

  /// Addresses for one huge page, at a multiple of its size; never unmapped.
  private static func map() -> UnsafeMutableRawPointer? {
    let byteCount = 2 * pageByteCount
    let mapped = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let start = unsafe mapped, unsafe start != UnsafeMutableRawPointer(bitPattern: -1) else {
      return nil
    }
    let before = -Int(bitPattern: start) & (pageByteCount - 1)
    let base = unsafe start + before
    if before > 0 { unsafe munmap(start, before) }
    unsafe munmap(base + pageByteCount, pageByteCount - before)
    unsafe HeapMemory.preferHugePages(base, byteCount: pageByteCount)
    return unsafe base
  }
}

/// ``LargeBuffers/byteCount`` bytes of page-aligned memory out of ``LargeBuffers``, until this goes.
@safe
package struct LargeBuffer: ~Copyable, @unchecked Sendable {
  /// Where it lies, as long as this is there.
  @unsafe package let start: UnsafeMutableRawPointer
  private let page: Int
  private let half: Int

  @unsafe
  fileprivate init(start: UnsafeMutableRawPointer, page: Int, half: Int) {
    unsafe self.start = start
    self.page = page
    self.half = half
  }

  deinit {
    LargeBuffers.shared.giveBack(page: page, half: half)
  }

  package var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      unsafe _overrideLifetime(
        RawSpan(_unsafeStart: start, byteCount: LargeBuffers.byteCount), borrowing: self)
    }
  }

  package var mutableBytes: MutableRawSpan {
    @_lifetime(&self)
    mutating get {
      unsafe _overrideLifetime(
        MutableRawSpan(_unsafeStart: start, byteCount: LargeBuffers.byteCount), mutating: &self)
    }
  }
}
