internal import CLinux

/// Page-aligned memory of a fixed size, as O_DIRECT and /dev/fuse want it; freed with its owner.
@safe
package struct AlignedBuffer: ~Copyable, @unchecked Sendable {
  package static let alignment = 4096

  package let byteCount: Int
  private let base: UnsafeMutableRawPointer

  /// Zeroed memory of `byteCount` bytes, at least 1.
  package init(byteCount: Int) {
    self.byteCount = byteCount
    unsafe base = .allocate(byteCount: byteCount, alignment: Self.alignment)
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
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

  package var mutableBytes: MutableRawSpan {
    @_lifetime(&self)
    mutating get {
      unsafe _overrideLifetime(
        MutableRawSpan(_unsafeStart: base, byteCount: byteCount), mutating: &self)
    }
  }
}

extension MutableRawSpan {
  /// Whether the memory begins at a multiple of `alignment`.
  package mutating func isAligned(to alignment: Int) -> Bool {
    unsafe withUnsafeMutableBytes { bytes in
      Int(bitPattern: bytes.baseAddress) & (alignment - 1) == 0
    }
  }
}
