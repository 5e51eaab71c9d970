internal import Bytes

/// The body of READ, READDIR and READDIRPLUS.
///
/// | Offset | Size | Field      |
/// |-------:|-----:|------------|
/// |      0 |    8 | fh         |
/// |      8 |    8 | offset     |
/// |     16 |    4 | size       |
/// |     20 |    4 | read_flags |
/// |     24 |    8 | lock_owner |
/// |     32 |    4 | flags      |
/// |     36 |    4 | padding    |
package struct ReadRequest: Equatable, Sendable {
  package static let byteCount = 40

  /// Bytes into the file, or the cookie of a directory entry.
  package var offset: UInt64
  /// The reader's room in bytes.
  package var capacity: Int

  package init(decoding body: RawSpan) throws(MessageError) {
    try body.require(Self.byteCount)
    offset = body.load(fromByteOffset: 8)
    capacity = Int(body.load(fromByteOffset: 16, as: UInt32.self))
  }
}

/// The body of LSEEK.
///
/// | Offset | Size | Field   |
/// |-------:|-----:|---------|
/// |      0 |    8 | fh      |
/// |      8 |    8 | offset  |
/// |     16 |    4 | whence  |
/// |     20 |    4 | padding |
package struct SeekRequest: Equatable, Sendable {
  package static let byteCount = 24

  package var offset: UInt64
  /// Nil for a whence other than SEEK_DATA and SEEK_HOLE, which the kernel handles itself.
  package var target: SeekTarget?

  package init(decoding body: RawSpan) throws(MessageError) {
    try body.require(Self.byteCount)
    offset = body.load(fromByteOffset: 8)
    target = SeekTarget(rawValue: body.load(fromByteOffset: 16))
  }
}

/// The body of RELEASE and RELEASEDIR.
///
/// | Offset | Size | Field         |
/// |-------:|-----:|---------------|
/// |      0 |    8 | fh            |
/// |      8 |    4 | flags         |
/// |     12 |    4 | release_flags |
/// |     16 |    8 | lock_owner    |
package struct ReleaseRequest: Equatable, Sendable {
  package static let byteCount = 24

  /// What OPEN answered.
  package var handle: UInt64

  package init(decoding body: RawSpan) throws(MessageError) {
    try body.require(Self.byteCount)
    handle = body.load(fromByteOffset: 0)
  }
}

/// What a seek looks for; the raw values are lseek(2)'s.
package enum SeekTarget: UInt32, Sendable {
  case data = 3
  case hole = 4
}

/// The body of INTERRUPT: the request to give up.
///
/// | Offset | Size | Field  |
/// |-------:|-----:|--------|
/// |      0 |    8 | unique |
package struct InterruptRequest: Equatable, Sendable {
  package static let byteCount = 8

  package var unique: UInt64

  package init(decoding body: RawSpan) throws(MessageError) {
    try body.require(Self.byteCount)
    unique = body.load(fromByteOffset: 0)
  }
}

/// The small payloads of replies.
package enum Replies {
  /// The answer to GETXATTR and LISTXATTR that asked for the size: size (4), padding (4).
  package static let sizeByteCount = 8
  /// The answer to LSEEK: offset (8).
  package static let seekByteCount = 8

  /// Writes the size that an extended attribute needs; returns the payload's size.
  package static func encodeSize(_ size: UInt32, into target: inout MutableRawSpan) -> Int {
    target.zero(0..<sizeByteCount)
    target.store(size, atByteOffset: 0)
    return sizeByteCount
  }

  /// Writes where a seek ended; returns the payload's size.
  package static func encodeSeek(_ offset: UInt64, into target: inout MutableRawSpan) -> Int {
    target.store(offset, atByteOffset: 0)
    return seekByteCount
  }
}
