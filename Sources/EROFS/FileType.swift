/// The types of files, by their number in directory entries.
package enum FileType: UInt8, Hashable, Sendable {
  case regular = 1
  case directory = 2
  case characterDevice = 3
  case blockDevice = 4
  case fifo = 5
  case socket = 6
  case symbolicLink = 7

  /// The type in the upper bits of `mode` (`st_mode`), or nil when they name none.
  package init?(mode: UInt16) {
    switch mode >> 12 {
    case 0o01: self = .fifo
    case 0o02: self = .characterDevice
    case 0o04: self = .directory
    case 0o06: self = .blockDevice
    case 0o10: self = .regular
    case 0o12: self = .symbolicLink
    case 0o14: self = .socket
    default: return nil
    }
  }

  /// Whether files of this type have content.
  package var hasContent: Bool {
    self == .regular || self == .directory || self == .symbolicLink
  }

  /// Whether files of this type have a device number.
  package var isDevice: Bool { self == .characterDevice || self == .blockDevice }
}
