/// Why an origin could not answer, in terms of what its caller does next.
///
/// Only ``Code/unavailable`` is worth trying again later; the origin has already retried by itself.
package struct OriginError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: Hashable, Sendable {
    /// The origin answered that there is no such object.
    case notFound
    /// The origin refuses these credentials, or none.
    case forbidden
    /// No usable answer: refused, timed out, cut off, or a server error after every retry.
    case unavailable
    /// The origin cannot serve byte ranges of the object as it is stored.
    case unsupported
    /// The origin serves another version now, which is told when the answer named it.
    case changed(ObjectVersion?)
    /// The answer contradicts itself or the request; nothing of it was used.
    case malformed
  }

  package let code: Code
  /// One line for people: which object, what happened, what to do.
  ///
  /// Never holds credentials.
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }
}
