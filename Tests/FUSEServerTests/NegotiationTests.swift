import Bytes
import FUSEProtocol
import FUSEServer
import Linux
import Testing

@Suite struct NegotiationTests {
  private static let all = InitFlags(rawValue: .max)

  private func negotiate(
    major: UInt32 = 7, minor: UInt32 = 45, flags: InitFlags = all,
    options: ServingOptions = ServingOptions()
  ) -> Negotiation? {
    let request = InitRequest(
      major: major, minor: minor, readAheadByteCount: 131_072, flags: flags)
    return Negotiation(request, options: options)
  }

  @Test func `the lesser protocol is spoken, down to 7_31`() {
    #expect(negotiate(minor: 45)?.reply.minor == 40)
    #expect(negotiate(minor: 36)?.reply.minor == 36)
    #expect(negotiate(minor: 31)?.reply.minor == 31)
    #expect(negotiate(minor: 30) == nil)
    #expect(negotiate(major: 8) == nil)
  }

  @Test func `only features that both sides have are agreed on`() {
    let reply = negotiate()?.reply
    #expect(reply?.flags == Negotiation.wanted.subtracting(.readDirectoryPlusAutomatic))
    #expect(reply?.pageCountMax == 256)
    #expect(negotiate(flags: [.posixACL, .asyncRead])?.reply.flags == [.asyncRead])
  }

  @Test func `whether a listing brings attributes is left to the kernel on demand`() {
    let flags = negotiate(options: ServingOptions(listsAttributesAlways: false))?.reply.flags
    #expect(flags == Negotiation.wanted)
  }

  @Test func `opens need handles when the kernel does not know better`() {
    #expect(negotiate()?.settings.handleless == true)
    #expect(negotiate(flags: Self.all.subtracting(.noOpenSupport))?.settings.handleless == false)
    let fewer = negotiate(flags: Self.all.subtracting(.noOpenDirectorySupport))
    #expect(fewer?.settings.handleless == false)
    #expect(negotiate(options: ServingOptions(handleless: false))?.settings.handleless == false)
  }

  @Test func `a mount that does not begin with INIT is refused`() {
    var buffer = [UInt8](repeating: 0, count: 8192)
    var span = buffer.mutableRawSpan
    var request = [UInt8](repeating: 0, count: 40)
    request[0] = 40
    request[4] = 3
    let (answer, negotiation) = Negotiation.answer(
      request.rawSpan, options: ServingOptions(), in: &span)
    #expect(negotiation == nil)
    #expect(answer.errorNumber == Errno.protocolError.rawValue)
    #expect(Negotiation.answer([1, 2].rawSpan, options: ServingOptions(), in: &span).1 == nil)
  }
}
