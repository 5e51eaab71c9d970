internal import Bytes
package import EROFS

/// A part of a metadata space, kept as it was read.
final class MetadataUnit: Sendable {
  let bytes: [UInt8]

  init(bytes: [UInt8]) {
    self.bytes = bytes
  }
}

/// Which part of which space a unit is.
struct MetadataUnitKey: Hashable, Sendable {
  var space: MetadataSpace
  var index: UInt64
}

extension Image {
  /// The size of `space`.
  func byteCount(of space: MetadataSpace) throws(ReadError) -> UInt64 {
    try node(of: space)?.byteCount ?? primaryByteCount
  }

  /// The inode whose content `space` is; nil for the image itself.
  func node(of space: MetadataSpace) throws(ReadError) -> Inode? {
    switch space {
    case .image: return nil
    case .metabox:
      guard let nid = superblock.metaboxNID else {
        throw .format(EROFSError(.badSuperblock("no metabox")))
      }
      return try inode(nid)
    case .packed: return try packedInode()
    }
  }

  /// The inode that fragments are part of.
  func packedInode() throws(ReadError) -> Inode {
    guard let nid = superblock.packedNID else {
      throw .format(EROFSError(.badSuperblock("no packed inode")))
    }
    return try inode(nid)
  }

  /// Lends the `byteCount` bytes at `address` to `body`.
  ///
  /// The caller bounds `byteCount`; no more than that is ever allocated, and nothing before the
  /// range is known to lie within its space.
  func withMetadata<Result>(
    at address: MetadataAddress, byteCount: Int,
    _ body: (RawSpan) throws(ReadError) -> Result
  ) throws(ReadError) -> Result {
    let spaceByteCount = try self.byteCount(of: address.space)
    guard let range = ByteRange(offset: address.offset, byteCount: UInt64(byteCount)),
      range.end <= spaceByteCount
    else { throw .format(EROFSError(.outOfBounds("metadata"), at: address.offset)) }
    if address.space == .image {
      let devices = self.devices
      let location = DeviceSet.Location(device: 0, offset: address.offset)
      if let bytes = devices.lentBytes(byteCount, at: location) { return try body(bytes) }
    }
    let unitByteCount = UInt64(self.unitByteCount)
    var index = address.offset / unitByteCount
    var start = Int(address.offset % unitByteCount)
    if start + byteCount <= self.unitByteCount {
      let key = MetadataUnitKey(space: address.space, index: index)
      let bytes = try unit(key, spaceByteCount, upTo: start + byteCount).bytes
      return try body(bytes.rawSpan.extracting(start..<start + byteCount))
    }
    var joined: [UInt8] = []
    joined.reserveCapacity(byteCount)
    while joined.count < byteCount {
      let key = MetadataUnitKey(space: address.space, index: index)
      let end = min(self.unitByteCount, start + byteCount - joined.count)
      joined.append(contentsOf: try unit(key, spaceByteCount, upTo: end).bytes[start..<end])
      index += 1
      start = 0
    }
    return try body(joined.rawSpan)
  }

  /// The unit for `key`, which holds `end` bytes at least; the last one ends with the space.
  private func unit(
    _ key: MetadataUnitKey, _ spaceByteCount: UInt64, upTo end: Int
  ) throws(ReadError) -> MetadataUnit {
    if let unit = units.value(for: key) {
      // It can be shorter only if the source changed under the image.
      guard unit.bytes.count >= end else {
        throw .source(SourceError(.stale, "the image changed while it was read"))
      }
      return unit
    }
    let offset = key.index * UInt64(unitByteCount)
    var bytes = [UInt8](
      repeating: 0, count: Int(min(UInt64(unitByteCount), spaceByteCount - offset)))
    var span = bytes.mutableRawSpan
    if let node = try node(of: key.space) {
      guard try read(node, at: offset, into: &span) == span.byteCount else {
        throw .format(EROFSError(.outOfBounds("metadata"), at: offset))
      }
    } else {
      try devices.read(into: &span, at: DeviceSet.Location(device: 0, offset: offset))
    }
    let unit = MetadataUnit(bytes: bytes)
    units.insert(unit, for: key, cost: bytes.count)
    return unit
  }
}

extension Image {
  /// A copy of metadata, such as the stored form of an extent beside its inode.
  package func metadataBytes(
    at address: MetadataAddress, byteCount: Int
  ) throws(ReadError) -> [UInt8] {
    try withMetadata(at: address, byteCount: byteCount) { $0.copyBytes() }
  }
}
