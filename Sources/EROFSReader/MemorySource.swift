internal import Bytes

/// A source over bytes in memory.
package struct MemorySource: BlockSource {
  private let bytes: [UInt8]

  package init(_ bytes: [UInt8]) {
    self.bytes = bytes
  }

  package var byteCount: UInt64 { UInt64(bytes.count) }

  package func read(into target: inout MutableRawSpan, at offset: UInt64) throws(SourceError) {
    let count = target.byteCount
    guard let start = Int(exactly: offset), start <= bytes.count, count <= bytes.count - start
    else { throw SourceError(.outOfBounds, "read of \(count) bytes at \(offset)") }
    target.copy(bytes.rawSpan.extracting(start..<start + count))
  }

  @_lifetime(borrow self)
  package func lentBytes(_ byteCount: Int, at offset: UInt64) -> RawSpan? {
    guard let start = Int(exactly: offset), start <= bytes.count, byteCount <= bytes.count - start
    else { return nil }
    return bytes.rawSpan.extracting(start..<start + byteCount)
  }
}
