internal import Bytes

/// The kernel's half of the negotiation: the body of INIT.
///
/// | Offset | Size | Field         |
/// |-------:|-----:|---------------|
/// |      0 |    4 | major         |
/// |      4 |    4 | minor         |
/// |      8 |    4 | max_readahead |
/// |     12 |    4 | flags         |
/// |     16 |    4 | flags2        |
/// |     20 |   44 | unused        |
///
/// Kernels before 7.36 send only the first 16 bytes.
package struct InitRequest: Equatable, Sendable {
  package static let byteCount = 64
  private static let byteCountBefore36 = 16

  package var major: UInt32
  package var minor: UInt32
  /// The read-ahead window of the mount, in bytes, as the kernel has set it up.
  package var readAheadByteCount: UInt32
  package var flags: InitFlags

  package init(major: UInt32, minor: UInt32, readAheadByteCount: UInt32, flags: InitFlags) {
    self.major = major
    self.minor = minor
    self.readAheadByteCount = readAheadByteCount
    self.flags = flags
  }

  package init(decoding body: RawSpan) throws(MessageError) {
    try body.require(Self.byteCountBefore36)
    major = body.load(fromByteOffset: 0)
    minor = body.load(fromByteOffset: 4)
    readAheadByteCount = body.load(fromByteOffset: 8)
    let low = InitFlags(rawValue: UInt64(body.load(fromByteOffset: 12, as: UInt32.self)))
    if low.contains(.extendedInit), body.byteCount >= 20 {
      let high = UInt64(body.load(fromByteOffset: 16, as: UInt32.self))
      flags = InitFlags(rawValue: low.rawValue | high << 32)
    } else {
      flags = low
    }
  }
}

/// The server's half of the negotiation: the payload of the answer to INIT.
///
/// | Offset | Size | Field                |
/// |-------:|-----:|----------------------|
/// |      0 |    4 | major                |
/// |      4 |    4 | minor                |
/// |      8 |    4 | max_readahead        |
/// |     12 |    4 | flags                |
/// |     16 |    2 | max_background       |
/// |     18 |    2 | congestion_threshold |
/// |     20 |    4 | max_write            |
/// |     24 |    4 | time_gran            |
/// |     28 |    2 | max_pages            |
/// |     30 |    2 | map_alignment        |
/// |     32 |    4 | flags2               |
/// |     36 |    4 | max_stack_depth      |
/// |     40 |   24 | unused               |
package struct InitReply: Equatable, Sendable {
  package static let byteCount = 64
  /// The protocol that this module speaks.
  package static let major: UInt32 = 7
  package static let minor: UInt32 = 40
  /// The oldest that it accepts: 7.31, Linux 5.4, has every feature asked for.
  package static let oldestMinor: UInt32 = 31

  package var minor: UInt32
  /// The read-ahead window wanted; the kernel takes the lesser of this and its own.
  package var readAheadByteCount: UInt32
  package var flags: InitFlags
  /// How many asynchronous requests the kernel may have under way.
  package var backgroundRequestCount: UInt16
  /// From how many on the kernel counts the mount as congested.
  package var congestionThreshold: UInt16
  /// The largest READ, in pages of 4 KiB.
  package var pageCountMax: UInt16
  /// With passthrough, how many filesystems may lie one on the other, this one left aside.
  package var stackDepthMax: UInt32

  package init(
    minor: UInt32, readAheadByteCount: UInt32, flags: InitFlags, backgroundRequestCount: UInt16,
    congestionThreshold: UInt16, pageCountMax: UInt16, stackDepthMax: UInt32 = 0
  ) {
    self.minor = minor
    self.readAheadByteCount = readAheadByteCount
    self.flags = flags
    self.backgroundRequestCount = backgroundRequestCount
    self.congestionThreshold = congestionThreshold
    self.pageCountMax = pageCountMax
    self.stackDepthMax = stackDepthMax
  }

  /// Writes the payload to the start of `target`; returns its size.
  package func encode(into target: inout MutableRawSpan) -> Int {
    target.zero(0..<Self.byteCount)
    target.store(Self.major, atByteOffset: 0)
    target.store(minor, atByteOffset: 4)
    target.store(readAheadByteCount, atByteOffset: 8)
    // The two halves of the 64 flag bits.
    target.store(UInt32(truncatingIfNeeded: flags.rawValue), atByteOffset: 12)
    target.store(backgroundRequestCount, atByteOffset: 16)
    target.store(congestionThreshold, atByteOffset: 18)
    // Nothing is ever written; the kernel wants room for a page all the same.
    target.store(UInt32(4096), atByteOffset: 20)
    target.store(UInt32(1), atByteOffset: 24)
    target.store(pageCountMax, atByteOffset: 28)
    target.store(UInt32(truncatingIfNeeded: flags.rawValue >> 32), atByteOffset: 32)
    target.store(stackDepthMax, atByteOffset: 36)
    return Self.byteCount
  }
}
