import Bytes
import Linux
import ReadPath

/// An origin in memory that does as it is told, and remembers what it was asked.
///
/// Its content is a function of the version and the offset, so an object may be as large as it
/// likes. Thread-safe.
final class ScriptedOrigin: Origin {
  private struct State {
    var version: ObjectVersion
    var failure: OriginError?
    /// Reads of a range are answered only when released.
    var isHeld = false
    var held: [CheckedContinuation<Void, Never>] = []
    var delayMilliseconds = 0
    var requests: [ByteRange] = []
    var versionRequestCount = 0
  }

  let name: String
  private let state: Lock<State>

  init(name: String = "https://origin.test/image", byteCount: UInt64, tag: Int = 1) {
    self.name = name
    state = Lock(State(version: Self.version(byteCount: byteCount, tag: tag)))
  }

  static func version(byteCount: UInt64, tag: Int) -> ObjectVersion {
    ObjectVersion(byteCount: byteCount, entityTag: "\"\(tag)\"")
  }

  /// What version `tag` has in `range`.
  static func content(_ range: Range<UInt64>, tag: Int) -> [UInt8] {
    guard !range.isEmpty else { return [] }
    return [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
      for (index, offset) in range.enumerated() {
        // The word's number, stirred: neighbours and versions differ in every byte.
        var word = (offset / 8 &+ UInt64(tag) &* 0x9E37_79B9) &* 0xBF58_476D_1CE4_E5B9
        word ^= word >> 29
        buffer[index] = UInt8(truncatingIfNeeded: word >> (offset % 8 * 8))
      }
      count = range.count
    }
  }

  var currentVersion: ObjectVersion { state.withLock { $0.version } }

  /// What is fetched from now on is of another version.
  func change(byteCount: UInt64, tag: Int) {
    state.withLock { $0.version = Self.version(byteCount: byteCount, tag: tag) }
  }

  /// Every answer is `code` until it is nil again.
  func fail(_ code: OriginError.Code?) {
    state.withLock { $0.failure = code.map { OriginError($0, "told to fail") } }
  }

  func delay(milliseconds: Int) { state.withLock { $0.delayMilliseconds = milliseconds } }

  func hold() { state.withLock { $0.isHeld = true } }

  func release() {
    let held = state.withLock { state in
      defer { state.held = [] }
      state.isHeld = false
      return state.held
    }
    for continuation in held { continuation.resume() }
  }

  /// The ranges asked for so far, in order of arrival.
  var requests: [ByteRange] { state.withLock { $0.requests.map { $0 } } }
  var versionRequestCount: Int { state.withLock { $0.versionRequestCount } }

  /// The requests as block numbers.
  func requestedBlocks(of blockByteCount: Int = 65536) -> [Range<Int>] {
    requests.map { range in
      Int(range.offset) / blockByteCount..<Int(range.end).dividedRoundingUp(by: blockByteCount)
    }
  }

  func forgetRequests() { state.withLock { $0.requests = [] } }

  func version() async throws(OriginError) -> ObjectVersion {
    try state.withLock { state throws(OriginError) in
      state.versionRequestCount += 1
      if let failure = state.failure { throw failure }
      return state.version
    }
  }

  func read(_ range: ByteRange, of version: ObjectVersion) async throws(OriginError) -> [UInt8] {
    let delay = state.withLock { state in
      state.requests.append(range)
      return state.delayMilliseconds
    }
    if delay > 0 { try? await Task.sleep(for: .milliseconds(delay)) }
    await withCheckedContinuation { continuation in
      let isHeld = state.withLock { state in
        if state.isHeld { state.held.append(continuation) }
        return state.isHeld
      }
      if !isHeld { continuation.resume() }
    }
    let current = try state.withLock { state throws(OriginError) in
      if let failure = state.failure { throw failure }
      return state.version
    }
    guard current == version else { throw OriginError(.changed(current), "another version") }
    return Self.content(range.offset..<range.end, tag: Self.tag(of: version))
  }

  private static func tag(of version: ObjectVersion) -> Int {
    Int(version.entityTag?.filter(\.isNumber) ?? "") ?? 0
  }

  var statistics: OriginStatistics { OriginStatistics() }
}
