internal import Bytes
internal import EROFS
internal import TreeSources

/// How one regular file is to be stored, as far as that is known before it is read.
enum Treatment: Hashable, Sendable {
  /// As it is, in a run of blocks; stretches of zeros become holes.
  case plain
  case compressed(CompressionSettings)
  /// In chunks, each stored once.
  case chunked
}

/// A stretch of a file that one job packs.
struct Segment: Sendable {
  /// The position of the file's inode in the plan.
  var inode: Int
  var content: FileContent
  var treatment: Treatment
  var range: Range<UInt64>
  var fileByteCount: UInt64
  /// How long a compressed tail may be to fit beside the inode; 0 when none may.
  var tailByteCountLimit: Int
  /// Whether the file's digest is wanted.
  var needsDigest: Bool

  var isFirst: Bool { range.lowerBound == 0 }
  var isLast: Bool { range.upperBound == fileByteCount }
  var byteCount: Int { range.count }
}

/// What became of a segment; ranges are within the output of its job.
struct PackedSegment: Sendable {
  var segment: Segment
  /// Whole blocks, to be stored one after the other.
  var stored: Range<Int> = 0..<0
  /// Compressed files: the extents of the segment.
  var extents: [StoredExtent] = []
  /// Compressed files: the data of the last extent, which goes beside the inode.
  var tail: [UInt8] = []
  /// Plain files: which stretches of ``Treatment/plain``'s hole size are zeros; empty when none is.
  var holes: [Bool] = []
  /// Chunked files: the chunks, in order.
  var chunks: [PackedChunk] = []
  /// The digest of the file, when the segment is all of it.
  var digest: Digest?
  /// The segment as it was read, when the file has more segments and its digest is wanted.
  var original: [UInt8] = []
}

/// One chunk of a segment.
struct PackedChunk: Sendable {
  /// Nil: it is all zeros.
  var digest: Digest?
  var byteCount: Int
  /// Whole blocks in the output of the job.
  var stored: Range<Int>
}

/// What became of one job.
struct PackedJob: Sendable {
  var segments: [PackedSegment]
  var output: [UInt8]
  /// XXH64 of what is used of `output`.
  var hash: UInt64
}
