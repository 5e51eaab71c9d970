import Bytes
import FUSEProtocol
import Testing

@Suite struct SessionSettingsTests {
  private static let settings = SessionSettings(
    offered: [.asyncRead, .passthrough], handleless: false, listsHandleless: true)

  @Test func `what is encoded is decoded`() throws {
    let bytes = Self.settings.encoded()
    #expect(bytes.count == SessionSettings.byteCount)
    #expect(try SessionSettings(decoding: bytes.rawSpan) == Self.settings)
  }

  @Test(arguments: [0, 7, 18, 23]) func `other bytes are an error`(position: Int) {
    var bytes = Self.settings.encoded()
    #expect(throws: MessageError(.truncated, byteCount: position)) {
      try SessionSettings(decoding: bytes.rawSpan.extracting(first: position))
    }
    bytes[position] ^= 0x40
    #expect(throws: MessageError(.malformedSettings, byteCount: bytes.count)) {
      try SessionSettings(decoding: bytes.rawSpan)
    }
  }
}
