/// How much memory an image may use for what it has read.
package struct CacheLimits: Hashable, Sendable {
  /// Bytes of metadata.
  package var metadataByteCount = 8 << 20
  /// Bytes of decoded extents that only part of was asked for.
  package var clusterByteCount = 16 << 20
  /// Bytes of extent maps of which there are many parts, or many extents.
  package var mapByteCount = 4 << 20
  /// Decoded inodes, of about 150 bytes each, and as many maps with three extents.
  package var inodeCount = 16384

  /// Limits for an image of any size.
  package init() {}
}
