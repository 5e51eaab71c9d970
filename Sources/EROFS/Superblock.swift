internal import Bytes

/// The superblock, found 1024 bytes into every EROFS image.
///
/// | Offset | Size | Field                                                    |
/// |-------:|-----:|----------------------------------------------------------|
/// |      0 |    4 | magic                                                    |
/// |      4 |    4 | checksum                                                 |
/// |      8 |    4 | compatible features                                      |
/// |     12 |    1 | block size bits                                          |
/// |     13 |    1 | extension slots of 16 bytes                              |
/// |     14 |    2 | root nid, or bits 32 to 47 of the block count            |
/// |     16 |    8 | inode count                                              |
/// |     24 |    8 | epoch, seconds                                           |
/// |     32 |    4 | nanoseconds of compact inodes                            |
/// |     36 |    4 | block count, low bits                                    |
/// |     40 |    4 | block of nid 0                                           |
/// |     44 |    4 | block of the shared extended attributes                  |
/// |     48 |   16 | UUID                                                     |
/// |     64 |   16 | volume name                                              |
/// |     80 |    4 | incompatible features                                    |
/// |     84 |    2 | algorithm bitmap, or the largest LZ4 distance            |
/// |     86 |    2 | extra devices                                            |
/// |     88 |    2 | device table offset / 128                                |
/// |     90 |    1 | directory block bits, 0                                  |
/// |     91 |    1 | long attribute prefixes                                  |
/// |     92 |    4 | prefix table offset / 4                                  |
/// |     96 |    8 | nid of the packed inode                                  |
/// |    104 |    1 | non-zero: no attribute filter                            |
/// |    105 |    1 | prefix of fingerprints                                   |
/// |    108 |    4 | build time - epoch                                       |
/// |    112 |    8 | root nid of images with wide addresses                   |
/// |    128 |    8 | nid of the metabox inode, in the first extension slot    |
package struct Superblock: Hashable, Sendable {
  /// Where the superblock is, whatever the block size.
  package static let offset = 1024
  package static let byteCount = 128
  package static let magic: UInt32 = 0xE0F5_E1E2
  /// Images up to this long must be given to the decoder whole, of longer ones this much.
  package static let prefixByteCount = 1 << 16
  /// Set in the nid of an inode that lies in the metabox.
  package static let metaboxBit: UInt64 = 1 << 63

  package let compatibleFeatures: CompatibleFeatures
  package let incompatibleFeatures: IncompatibleFeatures
  /// From 9 (512 bytes) to 16 (64 KiB).
  package let blockSizeBits: UInt8
  /// Blocks of the primary device.
  package let blockCount: UInt64
  package let inodeCount: UInt64
  package let rootNID: UInt64
  /// What the seconds of compact inodes count from.
  package let epoch: Int64
  /// The nanoseconds of every compact inode, below 10^9.
  package let fixedNanoseconds: UInt32
  /// Seconds from ``epoch`` to the making of the image.
  package let buildTime: UInt32
  /// Where nid 0 would be, in blocks.
  package let metadataBlock: UInt32
  /// Where shared extended attribute 0 would be, in blocks.
  package let attributeBlock: UInt32
  /// 16 bytes.
  package let uuid: [UInt8]
  /// Up to 16 bytes, without the zeros that fill the field.
  package let volumeName: [UInt8]
  package let compression: CompressionConfiguration
  package let extraDeviceCount: Int
  /// Byte offset of the device table.
  package let deviceTableOffset: UInt64
  package let prefixCount: Int
  /// Byte offset of the prefix table, in the space that ``prefixSpace`` names.
  package let prefixTableOffset: UInt64
  /// The inode whose content fragments are part of.
  package let packedNID: UInt64?
  /// The inode whose content is the metabox.
  package let metaboxNID: UInt64?
  /// The prefix of the attribute that holds fingerprints.
  package let fingerprintPrefix: Int?
  /// Whether the name filter of inodes with extended attributes can be relied on.
  package let hasAttributeFilter: Bool

  package var blockByteCount: Int { 1 << Int(blockSizeBits) }

  /// Decodes and checks the superblock of the image that starts with `image`.
  ///
  /// `image` holds the whole image or its first ``prefixByteCount`` bytes.
  package init(decoding image: RawSpan) throws(EROFSError) {
    guard image.byteCount >= Self.offset + Self.byteCount else {
      throw EROFSError(.notAnImage)
    }
    let bytes = image.extracting(Self.offset..<image.byteCount)
    guard bytes.load(fromByteOffset: 0, as: UInt32.self) == Self.magic else {
      throw EROFSError(.notAnImage)
    }
    blockSizeBits = bytes.byte(at: 12)
    guard (9...16).contains(blockSizeBits) else {
      throw Self.bad("block size of 2^\(blockSizeBits)", at: 12)
    }
    compatibleFeatures = .init(rawValue: bytes.load(fromByteOffset: 8))
    if compatibleFeatures.contains(.superblockChecksum) {
      try Self.verifyChecksum(image, blockByteCount: 1 << Int(blockSizeBits))
    }
    let features = IncompatibleFeatures(rawValue: bytes.load(fromByteOffset: 80))
    incompatibleFeatures = features
    let unknown = features.subtracting(.known).rawValue
    guard unknown == 0 else {
      throw EROFSError(
        .unsupported("incompatible features 0x\(String(unknown, radix: 16))"), at: 1104)
    }
    guard bytes.byte(at: 90) == 0 else {
      throw EROFSError(.unsupported("directory blocks unlike data blocks"), at: 1114)
    }
    let byteCount = Self.byteCount + 16 * Int(bytes.byte(at: 13))
    guard bytes.byteCount >= byteCount else {
      throw EROFSError(.outOfBounds("superblock"), at: 1037)
    }

    let wideRoot: UInt64 = bytes.load(fromByteOffset: 112)
    let isWide = features.contains(.wideAddresses) && wideRoot != 0
    let rootOrBlocks = UInt64(bytes.load(fromByteOffset: 14, as: UInt16.self))
    rootNID = isWide ? wideRoot : rootOrBlocks
    blockCount =
      UInt64(bytes.load(fromByteOffset: 36, as: UInt32.self)) | (isWide ? rootOrBlocks << 32 : 0)
    inodeCount = bytes.load(fromByteOffset: 16)
    epoch = bytes.load(fromByteOffset: 24)
    fixedNanoseconds = bytes.load(fromByteOffset: 32)
    guard fixedNanoseconds < 1_000_000_000 else { throw Self.bad("nanoseconds", at: 32) }
    metadataBlock = bytes.load(fromByteOffset: 40)
    attributeBlock = bytes.load(fromByteOffset: 44)
    uuid = bytes.extracting(48..<64).copyBytes()
    volumeName = Array(bytes.extracting(64..<80).copyBytes().prefix { $0 != 0 })
    buildTime = bytes.load(fromByteOffset: 108)

    let hasDevices = features.contains(.deviceTable)
    extraDeviceCount =
      hasDevices ? Int(bytes.load(fromByteOffset: 86, as: UInt16.self)) : 0
    deviceTableOffset = UInt64(bytes.load(fromByteOffset: 88, as: UInt16.self)) * 128
    let hasPrefixes = features.contains(.attributePrefixes)
    prefixCount = hasPrefixes ? Int(bytes.byte(at: 91)) : 0
    guard prefixCount <= 128 else { throw Self.bad("\(prefixCount) attribute prefixes", at: 91) }
    prefixTableOffset = UInt64(bytes.load(fromByteOffset: 92, as: UInt32.self)) * 4
    hasAttributeFilter =
      compatibleFeatures.contains(.attributeFilter) && bytes.byte(at: 104) == 0

    let packed: UInt64 = bytes.load(fromByteOffset: 96)
    guard packed & Self.metaboxBit == 0 else { throw Self.bad("packed inode in metabox", at: 96) }
    packedNID = features.contains(.fragments) && packed != 0 ? packed : nil
    if features.contains(.metabox) {
      guard byteCount >= 136 else { throw Self.bad("no metabox inode", at: 13) }
      let metabox: UInt64 = bytes.load(fromByteOffset: 128)
      guard metabox & Self.metaboxBit == 0 else { throw Self.bad("metabox within itself", at: 128) }
      metaboxNID = metabox
    } else {
      metaboxNID = nil
    }
    if compatibleFeatures.contains(.fingerprints) {
      let prefix = Int(bytes.byte(at: 105))
      guard prefix < prefixCount else { throw Self.bad("fingerprint prefix \(prefix)", at: 105) }
      fingerprintPrefix = prefix
    } else {
      fingerprintPrefix = nil
    }
    compression = try CompressionConfiguration(
      decoding: bytes.extracting(byteCount..<bytes.byteCount), features: features,
      field: bytes.load(fromByteOffset: 84), blockSizeBits: blockSizeBits)
  }

  /// Checks the CRC over the rest of the superblock's block, or over the block it is in.
  private static func verifyChecksum(
    _ image: RawSpan, blockByteCount: Int
  ) throws(EROFSError) {
    let covered = blockByteCount > offset ? blockByteCount - offset : blockByteCount
    guard image.byteCount >= offset + covered else {
      throw EROFSError(.outOfBounds("superblock"), at: UInt64(offset))
    }
    // Without the final inversion that CRC-32C usually has; the field itself counts as zero.
    var register = CRC32C.update(~0, with: image.extracting(offset..<offset + 4))
    register = CRC32C.update(register, with: [0, 0, 0, 0].rawSpan)
    register = CRC32C.update(register, with: image.extracting(offset + 8..<offset + covered))
    guard register == image.load(fromByteOffset: offset + 4, as: UInt32.self) else {
      throw EROFSError(.checksumMismatch, at: UInt64(offset + 4))
    }
  }

  private static func bad(_ reason: String, at field: Int) -> EROFSError {
    EROFSError(.badSuperblock(reason), at: UInt64(offset + field))
  }
}

extension Superblock {
  /// Where the inode `nid` is.
  package func address(ofNode nid: UInt64) throws(EROFSError) -> MetadataAddress {
    let local = nid & ~Self.metaboxBit
    let isInMetabox = local != nid
    guard !isInMetabox || metaboxNID != nil else {
      throw EROFSError(.badInode("number in a metabox that does not exist"), at: nid)
    }
    let base = isInMetabox ? 0 : UInt64(metadataBlock) << UInt64(blockSizeBits)
    let (distance, tooFar) = local.multipliedReportingOverflow(by: 32)
    let (offset, overflow) = base.addingReportingOverflow(distance)
    guard !tooFar, !overflow, offset <= UInt64(Int64.max) else {
      throw EROFSError(.outOfBounds("inode"), at: nid)
    }
    return MetadataAddress(space: isInMetabox ? .metabox : .image, offset: offset)
  }

  /// Where shared extended attribute `id` is.
  package func address(ofSharedAttribute id: UInt32) -> MetadataAddress {
    let isInMetabox =
      compatibleFeatures.contains(.sharedAttributesInMetabox) && metaboxNID != nil
    return MetadataAddress(
      space: isInMetabox ? .metabox : .image,
      offset: UInt64(attributeBlock) << UInt64(blockSizeBits) + UInt64(id) * 4)
  }

  /// Where the table of long attribute prefixes is.
  package var prefixTable: MetadataAddress {
    let space: MetadataSpace =
      if compatibleFeatures.contains(.plainAttributePrefixes) {
        .image
      } else if metaboxNID != nil {
        .metabox
      } else if packedNID != nil {
        .packed
      } else {
        .image
      }
    return MetadataAddress(space: space, offset: prefixTableOffset)
  }
}
