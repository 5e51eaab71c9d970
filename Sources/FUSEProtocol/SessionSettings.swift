internal import Bytes

/// What INIT settled for a session, as one process tells another that goes on with it.
///
/// | Offset | Size | Field                                                                 |
/// |-------:|-----:|-----------------------------------------------------------------------|
/// |      0 |    8 | `CULLETS1`                                                            |
/// |      8 |    8 | what the kernel offered                                               |
/// |     16 |    8 | bit 0: files need no OPEN; 1: directories need no OPENDIR; others zero |
package struct SessionSettings: Equatable, Sendable {
  package static let byteCount = 24
  private static let magic = Array("CULLETS1".utf8)

  /// The features that the kernel offered, whether or not they were accepted.
  package var offered: InitFlags
  /// Whether ENOSYS to OPEN and OPENDIR is understood, and wanted.
  package var handleless: Bool
  /// As ``handleless``, for directories alone.
  package var listsHandleless: Bool

  package init(offered: InitFlags, handleless: Bool, listsHandleless: Bool) {
    self.offered = offered
    self.handleless = handleless
    self.listsHandleless = listsHandleless
  }

  /// Throws when `bytes` are nothing that ``encoded()`` made, or were made by another version.
  package init(decoding bytes: RawSpan) throws(MessageError) {
    try bytes.require(Self.byteCount)
    let choices: UInt64 = bytes.load(fromByteOffset: 16)
    guard bytes.extracting(first: Self.magic.count).compareBytes(to: Self.magic.rawSpan) == 0,
      choices & ~3 == 0
    else { throw MessageError(.malformedSettings, byteCount: bytes.byteCount) }
    offered = InitFlags(rawValue: bytes.load(fromByteOffset: 8))
    handleless = choices & 1 != 0
    listsHandleless = choices & 2 != 0
  }

  package func encoded() -> [UInt8] {
    var bytes = Self.magic + [UInt8](repeating: 0, count: Self.byteCount - Self.magic.count)
    var target = bytes.mutableRawSpan
    target.store(offered.rawValue, atByteOffset: 8)
    target.store((handleless ? 1 : 0) | (listsHandleless ? 2 : 0) as UInt64, atByteOffset: 16)
    return bytes
  }
}
