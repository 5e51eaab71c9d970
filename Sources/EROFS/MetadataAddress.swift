/// What an address of metadata counts from.
package enum MetadataSpace: UInt8, Hashable, Sendable {
  /// The primary device.
  case image
  /// The content of the metabox inode.
  case metabox
  /// The content of the packed inode.
  case packed
}

/// A place in metadata; its offset is at most 2^63 - 1.
package struct MetadataAddress: Hashable, Sendable {
  package let space: MetadataSpace
  /// In bytes.
  package let offset: UInt64

  package init(space: MetadataSpace, offset: UInt64) {
    self.space = space
    self.offset = offset
  }

  /// The place `byteCount` bytes further on; throws when there can be no such place.
  package func advanced(by byteCount: UInt64) throws(EROFSError) -> MetadataAddress {
    let (sum, overflow) = offset.addingReportingOverflow(byteCount)
    guard !overflow, sum <= UInt64(Int64.max) else {
      throw EROFSError(.outOfBounds("metadata"), at: offset)
    }
    return MetadataAddress(space: space, offset: sum)
  }

  /// The first place from here on whose offset is a multiple of `alignment`, a power of two.
  package func aligned(to alignment: UInt64) throws(EROFSError) -> MetadataAddress {
    // No overflow: offsets have 63 bits.
    try advanced(by: (alignment - offset & (alignment - 1)) & (alignment - 1))
  }
}
