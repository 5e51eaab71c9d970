import Bytes
import EROFSReader
import Synchronization

/// A source in memory that remembers what was read of it, and can be told to fail.
final class CountingSource: BlockSource {
  private let memory: MemorySource
  private let reads = Mutex<[Range<UInt64>]>([])
  private let failure = Mutex<SourceError?>(nil)

  init(_ bytes: [UInt8]) {
    memory = MemorySource(bytes)
  }

  var byteCount: UInt64 { memory.byteCount }

  func read(into target: inout MutableRawSpan, at offset: UInt64) throws(SourceError) {
    if let failure = failure.withLock({ $0 }) { throw failure }
    let range = offset..<offset + UInt64(target.byteCount)
    reads.withLock { $0.append(range) }
    try memory.read(into: &target, at: offset)
  }

  /// Every further read throws `error`; nil ends that.
  func fail(with error: SourceError?) {
    failure.withLock { $0 = error }
  }

  /// The ranges read since the last call.
  func takeReads() -> [Range<UInt64>] {
    reads.withLock { reads in
      defer { reads = [] }
      return reads
    }
  }
}
