internal import CLinux

/// Page-aligned memory that is filled once, before anyone else sees it, and then only read.
@safe
package final class FrozenBuffer: @unchecked Sendable {
  package let byteCount: Int
  fileprivate let base: UnsafeMutableRawPointer

  /// A copy of `source`, followed by zeros up to `byteCount`; `source` is no longer than that.
  package init(copying source: RawSpan, paddedTo byteCount: Int) {
    precondition(
      byteCount > 0 && source.byteCount <= byteCount, "a frozen buffer shorter than its content")
    self.byteCount = byteCount
    unsafe base = .allocate(byteCount: byteCount, alignment: AlignedBuffer.alignment)
    unsafe source.withUnsafeBytes { bytes in
      if let from = bytes.baseAddress {
        unsafe base.copyMemory(from: from, byteCount: bytes.count)
      }
    }
    let tail = unsafe base + source.byteCount
    unsafe tail.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount - source.byteCount)
  }

  deinit {
    unsafe base.deallocate()
  }

  package var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      unsafe _overrideLifetime(
        RawSpan(_unsafeStart: base, byteCount: byteCount), borrowing: self)
    }
  }
}

extension FileDescriptor {
  /// Writes all of `buffers`, one after the other, from `offset`.
  package func write(
    gathering buffers: ArraySlice<FrozenBuffer>, at offset: UInt64
  ) throws(SystemError) {
    var first = buffers.startIndex
    var skipped = 0  // bytes of buffers[first] that an earlier, short call has written
    var position = Int(offset)
    while first < buffers.endIndex {
      let part = buffers[first..<min(buffers.endIndex, first + 256)]  // IOV_MAX is 1024
      var vectors = unsafe part.map { buffer in
        unsafe iovec(iov_base: buffer.base, iov_len: buffer.byteCount)
      }
      unsafe vectors[0].iov_base += skipped
      unsafe vectors[0].iov_len -= skipped
      var written = try retryingInterrupts("pwritev") {
        unsafe pwritev(rawValue, &vectors, Int32(vectors.count), position)
      }
      position += written
      written += skipped
      while first < buffers.endIndex, written >= buffers[first].byteCount {
        written -= buffers[first].byteCount
        first += 1
      }
      skipped = written
    }
  }
}
