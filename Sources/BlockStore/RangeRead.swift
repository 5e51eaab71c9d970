internal import Bytes
internal import Linux

/// What a read does about bytes that are not cached.
package enum HolePolicy {
  /// The read ends where the hole begins.
  case fail
  /// The hole reads as zeros, and stays one.
  case zeros
  /// The closure is asked for the whole block: it fills all of the span and returns true, or
  /// returns false and the read ends there. What it brings is filled into the cache.
  case fetch((_ block: UInt32, _ target: inout MutableRawSpan) -> Bool)
}

/// What a read of a range came to.
package enum RangeRead: Equatable, Sendable {
  /// All of the target is filled.
  case complete
  /// The bytes from `offset` of the object on are not to be had; those before it are in the target.
  case hole(at: UInt64)
  /// The object has been invalidated or removed: bind it again.
  case stale
}

extension StoredObject {
  /// Reads the object's bytes from `offset` into all of `target`, which may begin and end anywhere.
  ///
  /// What lies beyond the object's end is a hole that nothing fills. The result is `stale` also
  /// when that happened during the read, so no two versions are ever mixed.
  package func read(
    into target: inout MutableRawSpan, at offset: UInt64, holes: HolePolicy
  ) -> RangeRead {
    guard let range = ByteRange(offset: offset, byteCount: UInt64(target.byteCount)) else {
      return .hole(at: offset)
    }
    let blockByteCount = UInt64(blockByteCount)
    var scratch = AlignedBuffer(byteCount: Int(blockByteCount))
    var position = range.offset
    while position < range.end {
      let start = position / blockByteCount * blockByteCount
      guard let block = UInt32(exactly: position / blockByteCount),
        let validByteCount = validByteCount(ofBlock: block),
        position < start + UInt64(validByteCount)
      else { return .hole(at: position) }
      var bytes = scratch.mutableBytes
      var part = bytes._mutatingExtracting(0..<validByteCount)
      switch read(block: block, into: &part) {
      case .stale: return .stale
      case .hit(validByteCount): break
      case .hit, .miss:
        guard supply(block, &part, holes) else { return isStale ? .stale : .hole(at: position) }
      }
      let end = min(range.end, start + UInt64(validByteCount))
      target.copy(
        part.bytes.extracting(Int(position - start)..<Int(end - start)),
        atByteOffset: Int(position - range.offset))
      position = end
    }
    return isStale ? .stale : .complete
  }

  /// Gives `block`, which is not cached, the bytes that the policy has for it.
  private func supply(
    _ block: UInt32, _ bytes: inout MutableRawSpan, _ holes: HolePolicy
  ) -> Bool {
    switch holes {
    case .fail:
      return false
    case .zeros:
      for offset in 0..<bytes.byteCount { bytes.store(UInt8(0), atByteOffset: offset) }
      return true
    case .fetch(let fetch):
      guard fetch(block, &bytes) else { return false }
      fill(block: block, with: bytes.bytes)
      return true
    }
  }
}
