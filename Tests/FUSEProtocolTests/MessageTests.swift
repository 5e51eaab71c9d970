import Bytes
import CLinux
import FUSEProtocol
import Testing

/// Messages made by hand, byte by byte.
@Suite struct MessageTests {
  static func request(
    opcode: UInt32, extensions: UInt16 = 0, body: [UInt8], statedByteCount: UInt32? = nil
  ) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(statedByteCount ?? UInt32(40 + body.count))
    writer.append(opcode)
    writer.append(UInt64(0x1122_3344_5566_7788))
    writer.append(UInt64(5))
    writer.append(UInt32(1000))
    writer.append(UInt32(1001))
    writer.append(UInt32(4242))
    writer.append(extensions)
    writer.append(UInt16(0))
    writer.append(body)
    return writer.bytes
  }

  @Test func `a request header is decoded, extensions cut off the body`() throws {
    let bytes = Self.request(opcode: 15, extensions: 2, body: [UInt8](repeating: 1, count: 56))
    let header = try RequestHeader(decoding: bytes.rawSpan)
    #expect(header.opcode == .read)
    #expect(header.unique == 0x1122_3344_5566_7788)
    #expect(header.node == NodeID(rawValue: 5))
    #expect((header.userID, header.groupID, header.processID) == (1000, 1001, 4242))
    #expect(header.bodyByteCount == 40)
  }

  @Test func `an opcode from the future is a number without a name`() throws {
    let header = try RequestHeader(decoding: Self.request(opcode: 900, body: []).rawSpan)
    #expect(header.opcode == nil)
    #expect(header.opcodeNumber == 900)
  }

  @Test(
    arguments: [
      (request(opcode: 1, body: []).dropLast(), MessageError(.truncated, byteCount: 39)),
      (
        request(opcode: 1, body: [], statedByteCount: 41)[...],
        MessageError(.lengthMismatch, byteCount: 40)
      ),
      (
        request(opcode: 1, body: [], statedByteCount: 0)[...],
        MessageError(.lengthMismatch, byteCount: 40)
      ),
      (
        request(opcode: 1, extensions: 0xFFFF, body: [0, 0])[...],
        MessageError(.lengthMismatch, byteCount: 42)
      ),
    ] as [(ArraySlice<UInt8>, MessageError)])
  func `a header that does not fit its message is refused`(
    bytes: ArraySlice<UInt8>, expected: MessageError
  ) {
    #expect(throws: expected) { try RequestHeader(decoding: Array(bytes).rawSpan) }
  }

  @Test func `a reply header carries the negated error`() {
    var bytes = [UInt8](repeating: 0xAA, count: 16)
    var span = bytes.mutableRawSpan
    ReplyHeader(unique: 3, errorNumber: 2).encode(into: &span)
    #expect(bytes == [16, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 3, 0, 0, 0, 0, 0, 0, 0])
    span = bytes.mutableRawSpan
    ReplyHeader(unique: 3, payloadByteCount: 0x10_0000).encode(into: &span)
    #expect(bytes == [16, 0, 0x10, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test func `names end with their only NUL`() throws {
    let name = try NameRequest.name(in: Array("etc\0".utf8).rawSpan).copyBytes()
    #expect(name == Array("etc".utf8))
    for malformed in ["", "\0", "etc", "e\0tc\0", "etc\0\0", "\0\0"] {
      #expect(throws: MessageError(.malformedName, byteCount: malformed.utf8.count)) {
        _ = try NameRequest.name(in: Array(malformed.utf8).rawSpan).copyBytes()
      }
    }
  }

  @Test func `reads, seeks and interrupts are decoded`() throws {
    var body = ByteWriter()
    body.append(UInt64(9))
    body.append(UInt64(0x1_0000_0000))
    body.append(UInt32(0x10_0000))
    body.append([UInt8](repeating: 0xFF, count: 20))
    let read = try ReadRequest(decoding: body.bytes.rawSpan)
    #expect(read.offset == 0x1_0000_0000)
    #expect(read.capacity == 1 << 20)

    var seek = ByteWriter()
    seek.append(UInt64(9))
    seek.append(UInt64(77))
    seek.append(UInt32(4))
    seek.append(UInt32(0))
    let request = try SeekRequest(decoding: seek.bytes.rawSpan)
    #expect(request.offset == 77)
    #expect(request.target == .hole)

    let interrupt = try InterruptRequest(decoding: [1, 2, 0, 0, 0, 0, 0, 0].rawSpan)
    #expect(interrupt.unique == 0x201)
  }

  @Test func `an extended attribute request is a size and a name`() throws {
    let body: [UInt8] = [0, 1, 0, 0, 0, 0, 0, 0] + Array("user.x\0".utf8)
    #expect(try ExtendedAttributeRequest(decoding: body.rawSpan).capacity == 256)
    #expect(
      try ExtendedAttributeRequest.name(in: body.rawSpan).copyBytes() == Array("user.x".utf8))
    #expect(throws: MessageError.self) {
      _ = try ExtendedAttributeRequest.name(in: body.rawSpan.extracting(first: 8)).copyBytes()
    }
  }

  @Test func `every fixed body refuses to be shorter than it is`() {
    for count in 0..<40 {
      let body = [UInt8](repeating: 0, count: count)
      let truncated = MessageError(.truncated, byteCount: count)
      #expect(throws: truncated) { try ReadRequest(decoding: body.rawSpan) }
      if count < 24 {
        #expect(throws: truncated) { try ReleaseRequest(decoding: body.rawSpan) }
        #expect(throws: truncated) { try SeekRequest(decoding: body.rawSpan) }
      }
      if count < 16 { #expect(throws: truncated) { try InitRequest(decoding: body.rawSpan) } }
      guard count < 8 else { continue }
      #expect(throws: truncated) { try InterruptRequest(decoding: body.rawSpan) }
      #expect(throws: truncated) { try ExtendedAttributeRequest(decoding: body.rawSpan) }
    }
  }

  @Test func `the second half of the flags counts only when the first says so`() throws {
    func request(_ low: UInt32, byteCount: Int) throws -> InitRequest {
      var body = ByteWriter()
      for field in [7, 45, 131_072, low, 0xFF] as [UInt32] { body.append(field) }
      body.append([UInt8](repeating: 0, count: 44))
      return try InitRequest(decoding: body.bytes.rawSpan.extracting(first: byteCount))
    }
    #expect(try request(1, byteCount: 64).flags.rawValue == 1)
    #expect(try request(1 | 1 << 30, byteCount: 64).flags.rawValue == 0xFF_4000_0001)
    #expect(try request(1 | 1 << 30, byteCount: 16).flags.rawValue == 0x4000_0001)
    let decoded = try request(1, byteCount: 64)
    #expect((decoded.major, decoded.minor, decoded.readAheadByteCount) == (7, 45, 131_072))
  }

  @Test func `the reply to INIT is what the C struct reads`() {
    var bytes = [UInt8](repeating: 0xAA, count: 64)
    var span = bytes.mutableRawSpan
    let reply = InitReply(
      minor: 40, readAheadByteCount: 1 << 20, flags: [.asyncRead, .extendedInit, .passthrough],
      backgroundRequestCount: 64, congestionThreshold: 48, pageCountMax: 256)
    #expect(reply.encode(into: &span) == 64)
    let decoded = bytes.withUnsafeBytes { $0.loadUnaligned(as: fuse_init_out.self) }
    #expect((decoded.major, decoded.minor) == (7, 40))
    #expect(decoded.max_readahead == 1 << 20)
    #expect((decoded.flags, decoded.flags2) == (0x4000_0001, 0x20))
    #expect((decoded.max_background, decoded.congestion_threshold) == (64, 48))
    #expect((decoded.max_write, decoded.time_gran, decoded.max_pages) == (4096, 1, 256))
    #expect(decoded.map_alignment == 0)
  }

  @Test func `an absent name is node zero with a time to live`() {
    var bytes = [UInt8](repeating: 0xAA, count: 128)
    var span = bytes.mutableRawSpan
    #expect(CacheTimeouts(entry: 60, attributes: 70).encode(nil, into: &span) == 128)
    var expected = [UInt8](repeating: 0, count: 128)
    expected[16] = 60
    #expect(bytes == expected)
  }

  @Test func `statistics are what the C struct reads`() {
    var bytes = [UInt8](repeating: 0xAA, count: 80)
    var span = bytes.mutableRawSpan
    #expect(FilesystemStatistics(blockCount: 5, fileCount: 6).encode(into: &span) == 80)
    let decoded = bytes.withUnsafeBytes { $0.loadUnaligned(as: fuse_kstatfs.self) }
    #expect((decoded.blocks, decoded.bfree, decoded.bavail) == (5, 0, 0))
    #expect((decoded.files, decoded.ffree) == (6, 0))
    #expect((decoded.bsize, decoded.frsize, decoded.namelen) == (4096, 4096, 255))
  }

  @Test(
    arguments: [(1, 3, 0x103), (8, 0x12345, 0x1230_0845), (0xFFF, 0xFFFFF, 0xFFFF_FFFF)]
      as [(UInt32, UInt32, UInt32)])
  func `device numbers are packed as the kernel packs them`(
    major: UInt32, minor: UInt32, expected: UInt32
  ) {
    #expect(NodeAttributes.deviceNumber(major: major, minor: minor) == expected)
  }
}
