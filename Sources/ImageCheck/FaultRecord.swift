internal import Bytes
internal import EROFS

/// A fault as `cullet check --json` prints it.
///
/// Paths are text where they are UTF-8; for others the text is approximate and the hex is exact.
package struct FaultRecord: Encodable, Sendable {
  package var fault: String
  /// In bytes, in ``space``.
  package var offset: UInt64
  /// `image`, `metabox` or `packed`.
  package var space: String
  package var nid: UInt64?
  package var path: String?
  package var pathHex: String?
  package var message: String

  package init(_ fault: Fault) {
    self.fault = fault.kind.rawValue
    offset = fault.address.offset
    space = "\(fault.address.space)"
    nid = fault.nid
    path = fault.path.map { "/" + $0.text }
    pathHex = fault.path.flatMap { $0.exactText == nil ? $0.bytes.hex : nil }
    message = fault.message
  }
}
