internal import CLinux

/// Page-aligned zeroed memory of a fixed size that costs nothing until it is touched.
///
/// For buffers that are large, live long and are mostly used in part; ``AlignedBuffer`` is cheaper
/// to make.
@safe
package struct MappedBuffer: ~Copyable, @unchecked Sendable {
  package let byteCount: Int
  private let base: UnsafeMutableRawPointer

  /// Memory of `byteCount` bytes, at least 1; ENOMEM when the address space has no room.
  package init(byteCount: Int) throws(SystemError) {
    let mapped = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let base = unsafe mapped, unsafe base != UnsafeMutableRawPointer(bitPattern: -1) else {
      throw SystemError(call: "mmap", errno: .current)
    }
    self.byteCount = byteCount
    unsafe self.base = base
  }

  deinit {
    unsafe munmap(base, byteCount)
  }

  package var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      unsafe _overrideLifetime(
        RawSpan(_unsafeStart: base, byteCount: byteCount), borrowing: self)
    }
  }

  package var mutableBytes: MutableRawSpan {
    @_lifetime(&self)
    mutating get {
      unsafe _overrideLifetime(
        MutableRawSpan(_unsafeStart: base, byteCount: byteCount), mutating: &self)
    }
  }
}
