internal import Bytes

/// The bodies that are a name: of LOOKUP, and of GETXATTR after its fixed part.
package enum NameRequest {
  /// The name that fills `body` up to its terminating NUL; never empty.
  @_lifetime(copy body)
  package static func name(in body: RawSpan) throws(MessageError) -> RawSpan {
    let last = body.byteCount - 1
    guard last > 0, body.byte(at: last) == 0 else {
      throw MessageError(.malformedName, byteCount: body.byteCount)
    }
    for index in 0..<last where body.byte(at: index) == 0 {
      throw MessageError(.malformedName, byteCount: body.byteCount)
    }
    return body.extracting(first: last)
  }
}

/// The body of GETXATTR, which a name follows, and of LISTXATTR, where none does.
///
/// | Offset | Size | Field   |
/// |-------:|-----:|---------|
/// |      0 |    4 | size    |
/// |      4 |    4 | padding |
package struct ExtendedAttributeRequest: Equatable, Sendable {
  package static let byteCount = 8

  /// The caller's room; zero asks for the size needed.
  package var capacity: Int

  package init(decoding body: RawSpan) throws(MessageError) {
    try body.require(Self.byteCount)
    capacity = Int(body.load(fromByteOffset: 0, as: UInt32.self))
  }

  /// The attribute's name in the body of GETXATTR.
  @_lifetime(copy body)
  package static func name(in body: RawSpan) throws(MessageError) -> RawSpan {
    try body.require(byteCount)
    return try NameRequest.name(in: body.extracting(droppingFirst: byteCount))
  }
}
