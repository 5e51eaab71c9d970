package import EROFS

/// A run of a file's bytes that is stored in one place in one way.
package struct Extent: Hashable, Sendable {
  /// How the bytes are stored.
  package enum Kind: Hashable, Sendable {
    /// Not at all: they are zeros.
    case hole
    /// As they are, in data blocks.
    case plain
    /// As they are, beside the inode.
    case inline
    /// As they are, but rotated: each byte has the place within its block that it has in the file.
    case interlaced
    /// As part of the packed inode's content.
    case fragment
    /// Compressed.
    case compressed(CompressionAlgorithm)
  }

  /// What ``storedOffset`` counts from.
  package enum Place: Hashable, Sendable {
    /// A device; 0 is the primary.
    case device(Int)
    /// Where metadata is: the primary device, the metabox, or the packed inode for fragments.
    case metadata(MetadataSpace)
  }

  package var kind: Kind
  /// Where the run starts in the file, in bytes.
  package var fileOffset: UInt64
  /// How much of the file it is.
  package var byteCount: UInt64
  package var place: Place
  /// Where the stored form starts, in bytes; 0 for holes.
  package var storedOffset: UInt64
  /// How long the stored form is; 0 for holes.
  package var storedByteCount: UInt64
  /// Whether the stored form may encode more than the run.
  package var isPrefix = false

  /// One past the run's last byte in the file.
  package var fileEnd: UInt64 { fileOffset + byteCount }

  /// A run of zeros.
  static func hole(at fileOffset: UInt64, byteCount: UInt64) -> Extent {
    Extent(
      kind: .hole, fileOffset: fileOffset, byteCount: byteCount, place: .device(0),
      storedOffset: 0, storedByteCount: 0)
  }

  /// Whether `next` continues this run in the file and where it is stored, byte for byte.
  func isContinued(by next: Extent) -> Bool {
    guard next.kind == kind, fileEnd == next.fileOffset else { return false }
    switch kind {
    case .hole: return true
    case .plain: return place == next.place && storedOffset + byteCount == next.storedOffset
    default: return false
    }
  }
}
