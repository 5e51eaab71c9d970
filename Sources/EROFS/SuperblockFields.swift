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
  /// Blocks of the largest LZ4 cluster; nil when no file is compressed by LZ4.
  package var lz4ClusterBlockCount: Int?
  /// The largest window of zstd as a power of two, from 10 to 20; nil when no file is compressed
  /// by zstd.
  ///
  /// Records of algorithms are needed then.
  package var zstdWindowBits: UInt8?
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
  package static func configurationByteCount(
    of algorithms: Set<CompressionAlgorithm>
  ) -> Int {
    (algorithms.contains(.lz4) ? lz4RecordByteCount : 0)
      + (algorithms.contains(.zstd) ? zstdRecordByteCount : 0)
  }

  // Each with the length that precedes it, and both multiples of 4, to which records are aligned.
  private static let lz4RecordByteCount = 16
  private static let zstdRecordByteCount = 8

  /// Writes the superblock, and the records of algorithms where it needs any, into `image`.
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

  /// A bit of the algorithm map and a record for each, or the greatest distance of LZ4 where
  /// records are absent.
  private func encodeCompression(into image: inout MutableRawSpan) {
    let base = Superblock.offset
    guard incompatibleFeatures.contains(.compressionConfigurations) else {
      if lz4ClusterBlockCount != nil { image.store(UInt16.max, atByteOffset: base + 84) }
      return
    }
    var record = base + Superblock.byteCount
    var available: UInt16 = 0
    if let lz4ClusterBlockCount {
      available |= 1 << UInt16(CompressionAlgorithm.lz4.rawValue)
      image.store(UInt16(Self.lz4RecordByteCount - 2), atByteOffset: record)
      image.store(UInt16.max, atByteOffset: record + 2)
      image.store(UInt16(lz4ClusterBlockCount), atByteOffset: record + 4)
      record += Self.lz4RecordByteCount
    }
    if let zstdWindowBits {
      available |= 1 << UInt16(CompressionAlgorithm.zstd.rawValue)
      image.store(UInt16(Self.zstdRecordByteCount - 2), atByteOffset: record)
      // Format 0.
      image.store(zstdWindowBits - 10, atByteOffset: record + 3)
    }
    image.store(available, atByteOffset: base + 84)
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
