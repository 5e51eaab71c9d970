internal import Bytes
package import Linux

/// What a process that has stopped to serve a mount tells the one that goes on with it, as bytes.
///
/// | Offset | Size | Field                             |
/// |-------:|-----:|-----------------------------------|
/// |      0 |    8 | which table, and its version      |
/// |      8 |    8 | how many bytes of it follow       |
package protocol HandoverTable: Equatable, Sendable {
  /// Eight bytes.
  static var magic: String { get }

  /// What was encoded; checks all that can be checked without an image.
  init(decoding bytes: RawSpan) throws(HandoverError)

  func encoded() -> [UInt8]
}

private let headerByteCount = 16
/// More than any table has: that of a hundred images with as many files as are remembered of one.
private let byteCountMax: UInt64 = 1 << 30
/// What is asked of a socket at a time.
private let pieceByteCount: UInt64 = 1 << 20

extension HandoverTable {
  /// Sends it to the peer of `socket`, a connected stream socket.
  package func send(to socket: borrowing FileDescriptor) throws(SystemError) {
    let bytes = encoded()
    var header = ByteWriter(reservingCapacity: headerByteCount)
    header.append(Array(Self.magic.utf8))
    header.append(UInt64(bytes.count))
    try socket.write(header.bytes.rawSpan)
    try socket.write(bytes.rawSpan)
  }

  /// What the peer of `socket` sent with ``send(to:)``.
  ///
  /// Waits as long as the socket does. Takes memory for what has come only, whatever size is stated.
  package init(receivingFrom socket: borrowing FileDescriptor) throws(HandoverError) {
    let header = try socket.receive(headerByteCount)
    let byteCount: UInt64 = header.rawSpan.load(fromByteOffset: 8)
    guard header.starts(with: Self.magic.utf8), byteCount <= byteCountMax else {
      throw HandoverError(.malformed)
    }
    var bytes: [UInt8] = []
    while bytes.count < byteCount {
      bytes += try socket.receive(Int(min(pieceByteCount, byteCount - UInt64(bytes.count))))
    }
    try self.init(decoding: bytes.rawSpan)
  }
}

extension FileDescriptor {
  fileprivate func receive(_ byteCount: Int) throws(HandoverError) -> [UInt8] {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try read(byteCount: byteCount)
    } catch {
      throw HandoverError(.system(error.errno))
    }
    guard bytes.count == byteCount else { throw HandoverError(.truncated) }
    return bytes
  }
}

extension RawSpan {
  /// Throws unless there are exactly `byteCount` bytes.
  func requireTable(of byteCount: Int) throws(HandoverError) {
    guard self.byteCount >= byteCount else { throw HandoverError(.truncated) }
    guard self.byteCount == byteCount else { throw HandoverError(.malformed) }
  }
}
