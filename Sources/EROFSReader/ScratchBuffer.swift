internal import Linux

/// Memory for compressed bytes on their way to a decoder, used again for the next ones.
///
/// It starts with arbitrary content, for all that is used of it is read into before. A thread at a
/// time.
@safe
final class ScratchBuffer {
  let byteCount: Int
  private let base: UnsafeMutableRawPointer
  /// What owns the memory at `base`; nil when this does.
  private let large: LargeBuffer?

  init(byteCount: Int) {
    self.byteCount = byteCount
    if byteCount <= LargeBuffers.byteCount, let buffer = LargeBuffers.shared.take() {
      unsafe base = buffer.start
      large = consume buffer
    } else {
      unsafe base = .allocate(byteCount: byteCount, alignment: AlignedBuffer.alignment)
      large = nil
    }
  }

  deinit {
    if large == nil { unsafe base.deallocate() }
  }

  var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      unsafe _overrideLifetime(
        RawSpan(_unsafeStart: base, byteCount: byteCount), borrowing: self)
    }
  }

  /// The same bytes, to be filled while nobody reads them.
  var mutableBytes: MutableRawSpan {
    @_lifetime(borrow self)
    get {
      unsafe _overrideLifetime(
        MutableRawSpan(_unsafeStart: base, byteCount: byteCount), borrowing: self)
    }
  }
}
