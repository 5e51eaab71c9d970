package import EROFSReader
package import Linux
package import TreeSources

/// Why an image could not be built.
package enum BuildError: Error, Sendable, CustomStringConvertible {
  /// A file of the tree could not be read.
  case source(TreeSourceError)
  /// The image could not be written.
  case output(SystemError)
  /// The image that this one is based on could not be read.
  case base(ReadError)
  /// The tree, or an option, exceeds what the format can express; the text says where.
  case limit(String)

  package var description: String {
    switch self {
    case .source(let error): error.description
    case .output(let error): error.description
    case .base(let error): "base image: \(error)"
    case .limit(let reason): reason
    }
  }
}

/// Runs `body`, turning what system calls on the image throw into what this module throws.
@inline(__always)
func writing<Result: ~Copyable>(
  _ body: () throws(SystemError) -> Result
) throws(BuildError) -> Result {
  do throws(SystemError) {
    return try body()
  } catch {
    throw .output(error)
  }
}

/// Runs `body`, turning what reading the tree throws into what this module throws.
@inline(__always)
func readingSource<Result: ~Copyable>(
  _ body: () throws(TreeSourceError) -> Result
) throws(BuildError) -> Result {
  do throws(TreeSourceError) {
    return try body()
  } catch {
    throw .source(error)
  }
}
