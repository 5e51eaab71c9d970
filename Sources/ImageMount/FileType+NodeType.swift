internal import EROFS
internal import FUSEProtocol

extension FileType {
  /// The type as FUSE's directory entries have it.
  var nodeType: NodeType {
    switch self {
    case .regular: .regular
    case .directory: .directory
    case .symbolicLink: .symbolicLink
    case .characterDevice: .characterDevice
    case .blockDevice: .blockDevice
    case .fifo: .fifo
    case .socket: .socket
    }
  }
}
