internal import Bytes

/// What every request begins with.
///
/// | Offset | Size | Field        |
/// |-------:|-----:|--------------|
/// |      0 |    4 | len          |
/// |      4 |    4 | opcode       |
/// |      8 |    8 | unique       |
/// |     16 |    8 | nodeid       |
/// |     24 |    4 | uid          |
/// |     28 |    4 | gid          |
/// |     32 |    4 | pid          |
/// |     36 |    2 | total_extlen |
/// |     38 |    2 | padding      |
///
/// The wire is in host order, which is little-endian on every machine that Cullet supports.
package struct RequestHeader: Equatable, Sendable {
  package static let byteCount = 40

  /// The number as it came; ``opcode`` is nil when this module does not know it.
  package var opcodeNumber: UInt32
  /// The request's identity, which its reply repeats.
  package var unique: UInt64
  package var node: NodeID
  package var userID: UInt32
  package var groupID: UInt32
  package var processID: UInt32
  /// The bytes between the header and the extensions.
  package var bodyByteCount: Int

  package var opcode: Opcode? { Opcode(rawValue: opcodeNumber) }

  /// Decodes the header of `message`, which is one whole read from the device.
  package init(decoding message: RawSpan) throws(MessageError) {
    try message.require(Self.byteCount)
    guard Int(message.load(fromByteOffset: 0, as: UInt32.self)) == message.byteCount else {
      throw MessageError(.lengthMismatch, byteCount: message.byteCount)
    }
    opcodeNumber = message.load(fromByteOffset: 4)
    unique = message.load(fromByteOffset: 8)
    node = NodeID(rawValue: message.load(fromByteOffset: 16))
    userID = message.load(fromByteOffset: 24)
    groupID = message.load(fromByteOffset: 28)
    processID = message.load(fromByteOffset: 32)
    // In units of eight bytes, at the end of the message.
    let extensionByteCount = Int(message.load(fromByteOffset: 36, as: UInt16.self)) * 8
    bodyByteCount = message.byteCount - Self.byteCount - extensionByteCount
    guard bodyByteCount >= 0 else {
      throw MessageError(.lengthMismatch, byteCount: message.byteCount)
    }
  }
}

/// What every reply begins with.
///
/// | Offset | Size | Field                        |
/// |-------:|-----:|------------------------------|
/// |      0 |    4 | len, header included         |
/// |      4 |    4 | error: 0 or a negative errno |
/// |      8 |    8 | unique                       |
package struct ReplyHeader: Equatable, Sendable {
  package static let byteCount = 16

  package var payloadByteCount: Int
  /// Zero, or a positive error number, and then there is no payload.
  package var errorNumber: Int32
  package var unique: UInt64

  package init(unique: UInt64, errorNumber: Int32 = 0, payloadByteCount: Int = 0) {
    self.unique = unique
    self.errorNumber = errorNumber
    self.payloadByteCount = payloadByteCount
  }

  /// Writes the header to the start of `target`.
  package func encode(into target: inout MutableRawSpan) {
    // A payload is at most a few pages over 1 MiB.
    target.store(UInt32(Self.byteCount + payloadByteCount), atByteOffset: 0)
    target.store(-errorNumber, atByteOffset: 4)
    target.store(unique, atByteOffset: 8)
  }
}
