/// Memory for compressed bytes on their way to a decoder, used again for the next ones.
///
/// It starts with arbitrary content, for all that is used of it is read into before. A thread at a
/// time.
@safe
final class ScratchBuffer {
  let byteCount: Int
  private let base: UnsafeMutableRawPointer

  init(byteCount: Int) {
    self.byteCount = byteCount
    unsafe base = .allocate(byteCount: byteCount, alignment: 8)
  }

  deinit {
    unsafe base.deallocate()
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
