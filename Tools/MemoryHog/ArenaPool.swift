internal import CLinux
internal import Linux

/// Memory in arenas of 2 MiB that is filled up to a target and given back down to it: what a cache
/// in memory does, without the cache.
@safe
final class ArenaPool: @unchecked Sendable {
  static let arenaByteCount = 2 << 20

  private struct State {
    var target: Int
    var arenaCount = 0
    /// The longest that giving back took, in nanoseconds.
    var slowest: UInt64 = 0
  }

  private let base: UnsafeMutableRawPointer
  private let state: Lock<State>

  init(maximum: Int) throws(SystemError) {
    let mapped = unsafe mmap(
      nil, maximum + Self.arenaByteCount, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let base = unsafe mapped, Int(bitPattern: base) != -1 else {
      throw SystemError(call: "mmap", errno: .current)
    }
    unsafe self.base = base
    state = Lock(State(target: maximum))
  }

  var use: Int { state.withLock { state in state.arenaCount * Self.arenaByteCount } }
  var slowestShrink: UInt64 { state.withLock { state in state.slowest } }

  /// Fills one arena more if the target has room for it; whether it had.
  func grow() -> Bool {
    state.withLock { state in
      guard (state.arenaCount + 1) * Self.arenaByteCount <= state.target else { return false }
      unsafe memset(base + state.arenaCount * Self.arenaByteCount, 1, Self.arenaByteCount)
      state.arenaCount += 1
      return true
    }
  }

  /// Sets the target, and gives back what is above it.
  func shrink(to byteCount: Int) {
    let start = MonotonicClock.now
    state.withLock { state in
      state.target = byteCount
      let kept = min(state.arenaCount, byteCount / Self.arenaByteCount)
      let surplus = (state.arenaCount - kept) * Self.arenaByteCount
      if surplus > 0 {
        unsafe madvise(base + kept * Self.arenaByteCount, surplus, MADV_DONTNEED)
        state.slowest = max(state.slowest, MonotonicClock.now - start)
      }
      state.arenaCount = kept
    }
  }
}
