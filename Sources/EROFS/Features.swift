/// Features that a reader may ignore when it does not know them.
package struct CompatibleFeatures: OptionSet, Hashable, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The superblock's checksum field is valid.
  package static let superblockChecksum = CompatibleFeatures(rawValue: 0x01)
  /// Timestamps are modification times; without it, old images hold change times.
  package static let modificationTime = CompatibleFeatures(rawValue: 0x02)
  /// The name filter of extended attributes is valid.
  package static let attributeFilter = CompatibleFeatures(rawValue: 0x04)
  /// Shared extended attributes lie in the metabox.
  package static let sharedAttributesInMetabox = CompatibleFeatures(rawValue: 0x08)
  /// Long attribute prefixes lie in the image proper, whatever other places the image has.
  package static let plainAttributePrefixes = CompatibleFeatures(rawValue: 0x10)
  /// Files carry fingerprints of their content in the attribute that the superblock names.
  package static let fingerprints = CompatibleFeatures(rawValue: 0x20)
}

/// Features without which an image cannot be read at all.
///
/// Some bits have two names, for two features appeared in the same kernel release.
package struct IncompatibleFeatures: OptionSet, Hashable, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Compressed bytes end where their cluster ends, after leading zeros.
  package static let zeroPadding = IncompatibleFeatures(rawValue: 0x001)
  /// Records of the compression algorithms follow the superblock; clusters may have many blocks.
  package static let compressionConfigurations = IncompatibleFeatures(rawValue: 0x002)
  package static let chunkedFiles = IncompatibleFeatures(rawValue: 0x004)
  /// There is a device table, or files use two algorithms, or both.
  package static let deviceTable = IncompatibleFeatures(rawValue: 0x008)
  /// Compressed tails lie beside inodes.
  package static let tailPacking = IncompatibleFeatures(rawValue: 0x010)
  /// Tails or files are packed in a common inode, or extents are deduplicated, or both.
  package static let fragments = IncompatibleFeatures(rawValue: 0x020)
  package static let attributePrefixes = IncompatibleFeatures(rawValue: 0x040)
  /// Block addresses have 48 bits.
  package static let wideAddresses = IncompatibleFeatures(rawValue: 0x080)
  /// Inodes may lie in the content of an inode, which may be compressed.
  package static let metabox = IncompatibleFeatures(rawValue: 0x100)

  /// Every bit that has a meaning.
  package static let known = IncompatibleFeatures(rawValue: 0x1FF)
}
