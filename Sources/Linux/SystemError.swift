/// A failed system call: which one, on what, and why.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The call as in its manual page, section 2.
  package let call: String
  package let errno: Errno
  /// The path or object concerned; empty when the caller knows it better.
  package let subject: String

  package init(call: String, errno: Errno, subject: String = "") {
    self.call = call
    self.errno = errno
    self.subject = subject
  }

  package var description: String {
    subject.isEmpty ? "\(call): \(errno)" : "\(call) \(subject): \(errno)"
  }
}

/// Repeats `body` while it fails with EINTR; returns its result, or throws what errno says.
@inline(__always)
package func retryingInterrupts(
  _ call: StaticString, _ subject: @autoclosure () -> String = "", _ body: () -> Int
) throws(SystemError) -> Int {
  while true {
    let result = body()
    if result >= 0 { return result }
    let errno = Errno.current
    if errno != .interrupted {
      throw SystemError(call: "\(call)", errno: errno, subject: subject())
    }
  }
}
