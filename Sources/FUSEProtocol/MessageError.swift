internal import Bytes

/// Why a request could not be decoded.
package struct MessageError: Error, Hashable, Sendable {
  package enum Code: Hashable, Sendable {
    /// The message ends before its last field.
    case truncated
    /// The length that the message states is not the length that arrived.
    case lengthMismatch
    /// A name has no terminating NUL, or is empty, or has bytes after it.
    case malformedName
    /// They are not what a session's settings look like.
    case malformedSettings
  }

  package let code: Code
  /// The length that arrived, in bytes.
  package let byteCount: Int

  package init(_ code: Code, byteCount: Int) {
    self.code = code
    self.byteCount = byteCount
  }
}

extension RawSpan {
  /// Throws ``MessageError/Code/truncated`` when there are fewer than `byteCount` bytes.
  func require(_ byteCount: Int) throws(MessageError) {
    guard self.byteCount >= byteCount else {
      throw MessageError(.truncated, byteCount: self.byteCount)
    }
  }
}
