package import Linux

/// Why a tree, or a part of it, could not be read.
package struct TreeSourceError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Code: Hashable, Sendable {
    case system(Errno)
    /// A file became shorter while it was read.
    case changed
    /// The archive or the layout contradicts itself; the text says how.
    case malformed(String)
    /// The named thing is valid but not implemented.
    case unsupported(String)
  }

  package let code: Code
  /// The file concerned.
  package let path: String

  package init(_ code: Code, _ path: String) {
    self.code = code
    self.path = path
  }

  package var description: String {
    switch code {
    case .system(let errno): "\(path): \(errno)"
    case .changed: "\(path): the file changed while it was read"
    case .malformed(let reason): "\(path): \(reason)"
    case .unsupported(let what): "\(path): unsupported: \(what)"
    }
  }
}
