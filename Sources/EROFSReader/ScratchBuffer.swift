/// Memory for compressed bytes on their way to a decoder, freed with its owner.
///
/// It starts with arbitrary content, for all of it is read into before any of it is used.
@safe
struct ScratchBuffer: ~Copyable {
  let byteCount: Int
  private let base: UnsafeMutableRawPointer

  init(byteCount: Int) {
    self.byteCount = byteCount
    unsafe base = .allocate(byteCount: max(byteCount, 1), alignment: 16)
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

  var mutableBytes: MutableRawSpan {
    @_lifetime(&self)
    mutating get {
      unsafe _overrideLifetime(
        MutableRawSpan(_unsafeStart: base, byteCount: byteCount), mutating: &self)
    }
  }
}
