package import Bytes
package import EROFSReader
package import ReadPath

/// A cached remote object is where an image may be read from.
extension CachedObject: BlockSource {
  package func read(
    into target: inout MutableRawSpan, at offset: UInt64
  ) throws(SourceError) {
    do throws(ReadPathError) {
      try fill(&target, at: offset)
    } catch {
      throw SourceError(error)
    }
  }

  package func isAtHand(_ range: ByteRange) -> Bool { isCached(range) }

  package var isWhollyAtHand: Bool { isWhollyOnDisk }

  package func noteUse(_ range: ByteRange) { noteUse(of: range) }
}

extension SourceError {
  init(_ error: ReadPathError) {
    switch error {
    case .origin(let cause):
      if case .unavailable = cause.code {
        self.init(.originUnavailable, cause.message)
      } else {
        self.init(.ioError, cause.message)
      }
    case .stale: self.init(.stale, error.description)
    case .interrupted: self.init(.interrupted, error.description)
    case .outOfBounds: self.init(.outOfBounds, error.description)
    }
  }
}
