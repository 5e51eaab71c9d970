/// A SOURCE argument that names nothing Cullet can read: a usage error (exit 64).
package struct SourceReferenceError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: Hashable, Sendable {
    /// The text is not a path or URL of a known form.
    case malformed
    /// The form is known, but this build has nothing to read it with.
    case notSupportedYet
  }

  package let code: Code
  /// One line for people, without credentials.
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }
}
