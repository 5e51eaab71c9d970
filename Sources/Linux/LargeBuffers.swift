internal import CLinux

/// Memory for what is read a mebibyte at a time, each half of a huge page, lent by one process-wide
/// pool.
///
/// A disk of a virtual machine takes a descriptor for every stretch of memory that it fills, so that
/// reads past the page cache into 256 pages from all over take more than twice as long as into one
/// stretch. Where the kernel has no huge page to spare it is ordinary memory. What nobody had for a
/// second goes back to the system, by a thread that is there as long as something is left. Thread-safe;
/// taking and giving back is O(buffers).
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
    /// When one was taken or given back last: monotonic nanoseconds.
    var lastUse: UInt64 = 0
    /// Whether there may be memory behind the addresses.
    var isTouched = false
  }

  private struct State {
    var pages: [Page] = []
    /// Whether there is a thread that gives memory back.
    var isWatched = false
  }

  private static let restInterval: UInt64 = 1_000_000_000

  private let state = Lock(State())

  private init() {}

  /// A buffer of arbitrary content, which goes back with its owner; nil when there is no memory.
  package func take() -> LargeBuffer? {
    let now = MonotonicClock.now
    var isUnwatched = false
    let buffer = state.withLock { state -> LargeBuffer? in
      // The first that is free: what is taken together lies together, and the rest can be let go.
      let index = state.pages.firstIndex { $0.takenHalves != 3 } ?? state.pages.count
      if index == state.pages.count {
        guard let base = unsafe Self.map() else { return nil }
        state.pages.append(unsafe Page(base: base))
      }
      let half = state.pages[index].takenHalves & 1 == 0 ? 0 : 1
      state.pages[index].takenHalves |= 1 << half
      state.pages[index].lastUse = now
      state.pages[index].isTouched = true
      isUnwatched = !state.isWatched
      state.isWatched = true
      return unsafe LargeBuffer(
        start: state.pages[index].base + half * Self.byteCount, page: index, half: half)
    }
    if isUnwatched { watch() }
    return buffer
  }

  fileprivate func giveBack(page: Int, half: Int) {
    let now = MonotonicClock.now
    state.withLock { state in
      state.pages[page].takenHalves &= ~(1 << half)
      state.pages[page].lastUse = now
    }
  }

  /// The bytes of memory that buffers have, or had and nobody gave back.
  package var heldByteCount: Int {
    state.withLock { state in state.pages.count { $0.isTouched } * Self.pageByteCount }
  }

  /// Starts the thread that gives memory back; without one the next that takes a buffer tries again.
  private func watch() {
    let watching = try? Thread(name: "large-buffers") { [self] in
      repeat { Thread.sleep(milliseconds: 1000) } while discardIdle()
    }
    if watching == nil { state.withLock { $0.isWatched = false } }
  }

  /// Gives the system back the memory of buffers that nobody had for a while; false, and nobody watches
  /// any more, when none is left.
  private func discardIdle() -> Bool {
    let now = MonotonicClock.now
    return state.withLock { state in
      var isLeft = false
      for index in state.pages.indices where state.pages[index].isTouched {
        let page = state.pages[index]
        if page.takenHalves == 0, now - min(now, page.lastUse) >= Self.restInterval {
          unsafe HeapMemory.giveBack(page.base, byteCount: Self.pageByteCount)
          state.pages[index].isTouched = false
        } else {
          isLeft = true
        }
      }
      state.isWatched = isLeft
      return isLeft
    }
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
