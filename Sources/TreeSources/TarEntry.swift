internal import Bytes
internal import EROFS

/// One entry of a tar archive: its header, and all that extended headers say about it.
struct TarEntry {
  enum Kind: Equatable {
    case regular, directory, symbolicLink, hardLink, device, fifo
    /// Nothing that belongs to a tree.
    case ignored
    case unsupported(String)
  }

  let name: [UInt8]
  let linkTarget: [UInt8]
  let kind: Kind
  /// The size of the data behind the header.
  let storedByteCount: UInt64
  /// The size of the file, which is larger for sparse ones.
  let realByteCount: UInt64
  let isSparse: Bool
  /// Whether the data begins with the map of a sparse file.
  let hasSparseMapInData: Bool
  let hasMoreSparseRuns: Bool
  let sparseRuns: [(offset: UInt64, byteCount: UInt64)]
  private let header: TarHeader
  private let attributes: TarAttributes

  init(
    _ header: TarHeader, _ attributes: TarAttributes, longName: [UInt8]?, longTarget: [UInt8]?
  ) {
    self.header = header
    self.attributes = attributes
    let values = attributes.values
    name = values["GNU.sparse.name"] ?? values["path"] ?? longName ?? header.name
    linkTarget = values["linkpath"] ?? longTarget ?? header.linkTarget
    storedByteCount = attributes.number("size") ?? header.size
    kind = Self.kind(of: header.type, isDirectoryName: name.last == UInt8(ascii: "/"))
    let isOldSparse = header.type == UInt8(ascii: "S")
    let paxRealSize =
      attributes.number("GNU.sparse.realsize") ?? attributes.number("GNU.sparse.size")
    isSparse = isOldSparse || paxRealSize != nil
    realByteCount = paxRealSize ?? (isOldSparse ? header.realSize : storedByteCount)
    hasMoreSparseRuns = isOldSparse && header.hasMoreSparseRuns
    hasSparseMapInData = attributes.number("GNU.sparse.major") == 1
    if isOldSparse {
      sparseRuns = header.sparseRuns
    } else {
      let numbers =
        values["GNU.sparse.map"].map { map in
          map.split(separator: UInt8(ascii: ",")).map { TarAttributes.number(Array($0)) ?? 0 }
        } ?? attributes.sparseNumbers
      sparseRuns = stride(from: 0, to: numbers.count - 1, by: 2).map {
        (numbers[$0], numbers[$0 + 1])
      }
    }
  }

  private static func kind(of type: UInt8, isDirectoryName: Bool) -> Kind {
    switch type {
    case 0, UInt8(ascii: "0"), UInt8(ascii: "7"): isDirectoryName ? .directory : .regular
    case UInt8(ascii: "S"): .regular
    case UInt8(ascii: "1"): .hardLink
    case UInt8(ascii: "2"): .symbolicLink
    case UInt8(ascii: "3"), UInt8(ascii: "4"): .device
    case UInt8(ascii: "5"), UInt8(ascii: "D"): .directory
    case UInt8(ascii: "6"): .fifo
    case UInt8(ascii: "V"): .ignored
    case UInt8(ascii: "M"): .unsupported("archives of several volumes")
    default: .unsupported("tar entries of type \(type)")
    }
  }

  /// Whether data follows the header: links have a size at times, but no data.
  var hasData: Bool {
    switch kind {
    case .hardLink, .symbolicLink, .device, .fifo: false
    default: true
    }
  }

  var deviceNumber: DeviceNumber {
    DeviceNumber(
      major: UInt32(clamping: header.deviceMajor), minor: UInt32(clamping: header.deviceMinor))
  }

  /// The entry as a file of a tree.
  func node(_ content: SourceNode.Content) -> SourceNode {
    let type: UInt16 =
      switch kind {
      case .directory: 0o040000
      case .symbolicLink: 0o120000
      case .device: header.type == UInt8(ascii: "3") ? 0o020000 : 0o060000
      case .fifo: 0o010000
      default: 0o100000
      }
    return SourceNode(
      mode: type | UInt16(header.mode & 0o7777),
      userID: UInt32(clamping: attributes.number("uid") ?? header.userID),
      groupID: UInt32(clamping: attributes.number("gid") ?? header.groupID),
      modificationTime: attributes.time("mtime")
        ?? Timestamp(seconds: header.modificationTime, nanoseconds: 0),
      attributes: attributes.extended.map { (name: $0.key, value: $0.value) }.sorted {
        $0.name.lexicographicallyPrecedes($1.name)
      }, content: content)
  }
}
