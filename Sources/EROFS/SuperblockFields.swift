internal import Bytes

/// What a builder puts into a superblock; ``Superblock`` has the table of its fields.
package struct SuperblockFields: Hashable, Sendable {
  package var blockSizeBits: UInt8
  package var compatibleFeatures: CompatibleFeatures
  package var incompatibleFeatures: IncompatibleFeatures
  /// Must fit into 16 bits, so the root inode lies within the first 2 MiB.
  package var rootNID: UInt64
  package var inodeCount: UInt64
  /// The time of every compact inode.
  package var epoch: Timestamp
  package var blockCount: UInt32
  /// Where shared extended attribute 0 would be, in blocks.
  package var attributeBlock: UInt32 = 0
  /// 16 bytes.
  package var uuid: [UInt8]
  /// Up to 16 bytes.
  package var volumeName: [UInt8] = []
  /// Blocks of the largest LZ4 cluster; nil when no file is compressed.
  package var lz4ClusterBlockCount: Int?
  package var extraDeviceCount: Int = 0
  /// Byte offset of the device table, a multiple of 128.
  package var deviceTableOffset: Int = 0
  package var prefixCount: Int = 0
  /// Byte offset of the prefix table, a multiple of 4.
  package var prefixTableOffset: Int = 0
  package var fingerprintPrefix: Int = 0

  package init(
    blockSizeBits: UInt8, compatibleFeatures: CompatibleFeatures,
    incompatibleFeatures: IncompatibleFeatures, rootNID: UInt64, inodeCount: UInt64,
    epoch: Timestamp, blockCount: UInt32, uuid: [UInt8]
  ) {
    self.blockSizeBits = blockSizeBits
    self.compatibleFeatures = compatibleFeatures
    self.incompatibleFeatures = incompatibleFeatures
    self.rootNID = rootNID
    self.inodeCount = inodeCount
    self.epoch = epoch
    self.blockCount = blockCount
    self.uuid = uuid
  }

  /// The room behind the superblock that records of compression algorithms may take, in bytes.
  package static let configurationByteCount = 16

  /// Writes the superblock, and the record of LZ4 where it needs one, into `image`.
  ///
  /// `image` holds the start of the image up to the end of the checksum's range, or more; the
  /// checksum is computed last, over everything that is in that range by then.
  package func encode(into image: inout MutableRawSpan) {
    let base = Superblock.offset
    precondition(rootNID <= UInt64(UInt16.max), "the root inode lies beyond the first 2 MiB")
    precondition(uuid.count == 16 && volumeName.count <= 16, "an identifier of another length")
    image.zero(base..<base + Superblock.byteCount)
    image.store(Superblock.magic, atByteOffset: base)
    image.store(
      compatibleFeatures.union(.superblockChecksum).rawValue, atByteOffset: base + 8)
    image.store(blockSizeBits, atByteOffset: base + 12)
    image.store(UInt16(rootNID), atByteOffset: base + 14)
    image.store(inodeCount, atByteOffset: base + 16)
    image.store(epoch.seconds, atByteOffset: base + 24)
    image.store(epoch.nanoseconds, atByteOffset: base + 32)
    image.store(blockCount, atByteOffset: base + 36)
    image.store(attributeBlock, atByteOffset: base + 44)
    image.copy(uuid.rawSpan, atByteOffset: base + 48)
    image.copy(volumeName.rawSpan, atByteOffset: base + 64)
    image.store(incompatibleFeatures.rawValue, atByteOffset: base + 80)
    image.store(UInt16(extraDeviceCount), atByteOffset: base + 86)
    image.store(UInt16(deviceTableOffset / 128), atByteOffset: base + 88)
    image.store(UInt8(prefixCount), atByteOffset: base + 91)
    image.store(UInt32(prefixTableOffset / 4), atByteOffset: base + 92)
    image.store(UInt8(fingerprintPrefix), atByteOffset: base + 105)
    encodeCompression(into: &image)
    encodeChecksum(into: &image)
  }

  /// One bit of the algorithm map and a record, or the greatest distance where records are absent.
  private func encodeCompression(into image: inout MutableRawSpan) {
    guard let blockCount = lz4ClusterBlockCount else { return }
    let base = Superblock.offset
    guard incompatibleFeatures.contains(.compressionConfigurations) else {
      image.store(UInt16.max, atByteOffset: base + 84)
      return
    }
    let record = base + Superblock.byteCount
    image.store(UInt16(1), atByteOffset: base + 84)
    image.store(UInt16(14), atByteOffset: record)
    image.store(UInt16.max, atByteOffset: record + 2)
    image.store(UInt16(blockCount), atByteOffset: record + 4)
  }

  private func encodeChecksum(into image: inout MutableRawSpan) {
    let range = Self.checksumRange(blockSizeBits: blockSizeBits)
    // Without the final inversion that CRC-32C usually has; the field is still zero.
    let register = CRC32C.update(~0, with: image.bytes.extracting(range))
    image.store(register, atByteOffset: Superblock.offset + 4)
  }

  /// The bytes of the image that the checksum covers.
  package static func checksumRange(blockSizeBits: UInt8) -> Range<Int> {
    let blockByteCount = 1 << Int(blockSizeBits)
    let start = Superblock.offset
    return start..<(blockByteCount > start ? blockByteCount : start + blockByteCount)
  }
}
