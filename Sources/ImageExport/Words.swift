package import EROFS
package import EROFSReader

extension FileType {
  /// The word for the type in manifests.
  package var name: String {
    switch self {
    case .regular: "regular"
    case .directory: "directory"
    case .symbolicLink: "symlink"
    case .characterDevice: "char"
    case .blockDevice: "block"
    case .fifo: "fifo"
    case .socket: "socket"
    }
  }
}

extension DataLayout {
  /// The word for the layout in reports.
  package var name: String {
    switch self {
    case .plain: "plain"
    case .inline: "inline"
    case .chunked: "chunked"
    case .compressedFull: "compressed-full"
    case .compressedCompact: "compressed-compact"
    }
  }
}

extension Extent.Kind {
  /// The word for the kind of extent in reports.
  package var name: String {
    switch self {
    case .hole: "hole"
    case .plain: "plain"
    case .inline: "inline"
    case .interlaced: "interlaced"
    case .fragment: "fragment"
    case .compressed(let algorithm): algorithm.name
    }
  }
}

extension Extent.Place {
  /// Where stored offsets count from, in words.
  package var name: String {
    switch self {
    case .device(0): "the image"
    case .device(let number): "device \(number)"
    case .metadata(.image): "the image"
    case .metadata(.metabox): "the metabox"
    case .metadata(.packed): "the packed inode"
    }
  }
}

extension CompatibleFeatures {
  /// The words for the features that are set, in the order of their bits.
  package var names: [String] {
    let words: [(CompatibleFeatures, String)] = [
      (.superblockChecksum, "sb-checksum"), (.modificationTime, "mtime"),
      (.attributeFilter, "xattr-filter"), (.sharedAttributesInMetabox, "shared-xattrs-in-metabox"),
      (.plainAttributePrefixes, "plain-xattr-prefixes"), (.fingerprints, "fingerprints"),
    ]
    return words.filter { contains($0.0) }.map(\.1)
  }
}

extension IncompatibleFeatures {
  /// The words for the features that are set, in the order of their bits.
  package var names: [String] {
    let words: [(IncompatibleFeatures, String)] = [
      (.zeroPadding, "zero-padding"), (.compressionConfigurations, "compression-configs"),
      (.chunkedFiles, "chunked-files"), (.deviceTable, "device-table-or-second-algorithm"),
      (.tailPacking, "tail-packing"), (.fragments, "fragments-or-dedupe"),
      (.attributePrefixes, "xattr-prefixes"), (.wideAddresses, "48-bit"), (.metabox, "metabox"),
    ]
    return words.filter { contains($0.0) }.map(\.1)
  }
}
