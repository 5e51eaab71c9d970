internal import Bytes

/// What the server tells the kernel unasked: a reply header whose request number is zero and whose
/// error field is the kind, and a payload.
package enum Notification {
  /// The kernel's `FUSE_NOTIFY_INVAL_INODE` and `FUSE_NOTIFY_INVAL_ENTRY`.
  private static let contentCode: Int32 = 2
  private static let entryCode: Int32 = 3
  /// `FUSE_NOTIFY_RESEND`, Linux 6.9.
  private static let resendCode: Int32 = 7

  /// Requests that were taken and not answered are to be sent again.
  package static func resend() -> [UInt8] {
    var message = [UInt8](repeating: 0, count: 16)
    var target = message.mutableRawSpan
    encodeHeader(resendCode, byteCount: 16, into: &target)
    return message
  }

  /// Pages of `node` are to be dropped.
  ///
  /// | Offset | Size | Field                 |
  /// |-------:|-----:|-----------------------|
  /// |     16 |    8 | node                  |
  /// |     24 |    8 | offset                |
  /// |     32 |    8 | length, -1 for all    |
  package static func forgetContent(of node: NodeID) -> [UInt8] {
    var message = [UInt8](repeating: 0, count: 40)
    var target = message.mutableRawSpan
    encodeHeader(contentCode, byteCount: 40, into: &target)
    target.store(node.rawValue, atByteOffset: 16)
    target.store(Int64(-1), atByteOffset: 32)
    return message
  }

  /// The entry `name` of `directory` is to be dropped.
  ///
  /// | Offset | Size | Field                      |
  /// |-------:|-----:|----------------------------|
  /// |     16 |    8 | directory                  |
  /// |     24 |    4 | bytes of the name          |
  /// |     28 |    4 | flags                      |
  /// |     32 |      | the name, and a zero byte  |
  package static func forgetEntry(_ name: [UInt8], in directory: NodeID) -> [UInt8] {
    let byteCount = 32 + name.count + 1
    var message = [UInt8](repeating: 0, count: 32)
    var target = message.mutableRawSpan
    encodeHeader(entryCode, byteCount: byteCount, into: &target)
    target.store(directory.rawValue, atByteOffset: 16)
    target.store(UInt32(name.count), atByteOffset: 24)
    return message + name + [0]
  }

  private static func encodeHeader(
    _ code: Int32, byteCount: Int, into target: inout MutableRawSpan
  ) {
    target.store(UInt32(byteCount), atByteOffset: 0)
    target.store(code, atByteOffset: 4)
  }
}
