/// Why bytes of a remote object could not be had.
package enum ReadPathError: Error, Equatable, Sendable {
  /// The bytes are not cached and the origin did not supply them.
  case origin(OriginError)
  /// The origin serves another version by now; this one cannot be completed any more.
  case stale(String)
  /// The reader was interrupted while it waited; the fetch goes on without it.
  case interrupted
  /// The range does not lie within the object.
  case outOfBounds(offset: UInt64)
}

extension ReadPathError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .origin(let error): error.message
    case .stale(let name): "\(name) changed at its origin while it was being read"
    case .interrupted: "interrupted"
    case .outOfBounds(let offset): "a read at byte \(offset) leaves the object"
    }
  }
}
