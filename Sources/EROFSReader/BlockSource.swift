package import Bytes
package import EROFS

/// Why the bytes of an image could not be had; the image itself may be fine.
package struct SourceError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of trouble it is, for whoever maps it to an errno.
  package enum Code: Hashable, Sendable {
    /// A local read failed.
    case ioError
    /// The bytes are not cached, and where they come from does not answer.
    case originUnavailable
    /// Where the bytes come from holds another image by now.
    case stale
    /// The range reaches past the end of the source.
    case outOfBounds
    /// Whoever asked would rather not wait any longer.
    case interrupted
  }

  package var code: Code
  /// One line for people.
  package var message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }
}

/// A failed read of an image: either what is stored is wrong, or it could not be fetched.
package enum ReadError: Error, Hashable, Sendable, CustomStringConvertible {
  case format(EROFSError)
  case source(SourceError)

  /// Whether the image may be valid and the reader is what falls short.
  package var isUnsupported: Bool {
    if case .format(let error) = self { error.isUnsupported } else { false }
  }

  package var description: String {
    switch self {
    case .format(let error): error.description
    case .source(let error): error.description
    }
  }
}

/// Where the bytes of an image, or of one of its extra devices, come from.
package protocol BlockSource: Sendable {
  /// The size of the image; it never changes.
  var byteCount: UInt64 { get }

  /// Fills all of `target` from `offset`, or throws. Called from many threads at a time.
  func read(into target: inout MutableRawSpan, at offset: UInt64) throws(SourceError)

  /// The `byteCount` bytes at `offset` where they are, if they are in memory anyway; nil where they
  /// have to be read, or are not all within the source. Called from many threads at a time.
  @_lifetime(borrow self)
  func lentBytes(_ byteCount: Int, at offset: UInt64) -> RawSpan?

  /// Whether the bytes of `range`, which are within the source, can be read without fetching them
  /// from elsewhere.
  func isAtHand(_ range: ByteRange) -> Bool

  /// Whether nothing of the source has to be fetched from elsewhere, as far as that is known at once.
  var isWhollyAtHand: Bool { get }

  /// Hears that the bytes of `range` are in use, though they were not read: whoever asks had them.
  func noteUse(_ range: ByteRange)
}

extension BlockSource {
  /// True: only sources that cache what is elsewhere have to look.
  package func isAtHand(_ range: ByteRange) -> Bool { true }

  /// True, for the same reason.
  package var isWhollyAtHand: Bool { true }

  /// Nothing is done: only sources that cull need to know.
  package func noteUse(_ range: ByteRange) {}

  /// Nothing: only sources that hold their bytes in memory have any to lend.
  @_lifetime(borrow self)
  package func lentBytes(_ byteCount: Int, at offset: UInt64) -> RawSpan? { nil }
}

/// Runs `body`, turning what the format module throws into what this module throws.
@inline(__always)
func decoding<Result>(_ body: () throws(EROFSError) -> Result) throws(ReadError) -> Result {
  do {
    return try body()
  } catch {
    throw .format(error)
  }
}
