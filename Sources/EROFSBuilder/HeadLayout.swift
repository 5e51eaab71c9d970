internal import Bytes
internal import Codecs
internal import EROFS
internal import EROFSReader
internal import Linux

/// The start of an image: superblock, record of the algorithm, table of prefixes.
struct HeadLayout {
  private let plan: TreePlan
  private let prefixTable: [UInt8]
  private let prefixTableOffset: Int
  private let deviceTableOffset: Int
  /// Where inodes may start.
  let byteCount: Int

  init(_ plan: TreePlan) {
    self.plan = plan
    var offset = Superblock.offset + Superblock.byteCount
    offset += SuperblockFields.configurationByteCount(of: plan.algorithms)
    var writer = ByteWriter()
    if let name = plan.options.fingerprintName {
      Fingerprint(name: name).prefix.encode(into: &writer)
    }
    prefixTable = writer.bytes
    prefixTableOffset = offset
    offset += prefixTable.count
    deviceTableOffset = offset.roundedUp(toMultipleOf: DeviceSlot.byteCount)
    byteCount = plan.base == nil ? offset : deviceTableOffset + DeviceSlot.byteCount
  }

  /// Writes the head of the image that `layout` describes, all of the rest being there.
  func write(
    _ layout: MetadataLayout, algorithms: Set<CompressionAlgorithm>, isChunked: Bool,
    identity: Digest, imageByteCount: UInt64, to file: borrowing FileDescriptor
  ) throws(BuildError) {
    let options = plan.options
    var compatible: CompatibleFeatures = [.superblockChecksum, .modificationTime]
    var incompatible: IncompatibleFeatures = []
    if plan.hasAttributes { compatible.insert(.attributeFilter) }
    if isChunked { incompatible.insert(.chunkedFiles) }
    if plan.base != nil { incompatible.insert(.deviceTable) }
    if !algorithms.isEmpty {
      incompatible.insert(.zeroPadding)
      if plan.hasBigClusters || algorithms != [.lz4] {
        incompatible.insert(.compressionConfigurations)
      }
      if options.packsTails || plan.baseHasTails { incompatible.insert(.tailPacking) }
    }
    if options.fingerprintName != nil {
      compatible.formUnion([.fingerprints, .plainAttributePrefixes])
      incompatible.insert(.attributePrefixes)
    }
    var fields = SuperblockFields(
      blockSizeBits: options.blockSizeBits, compatibleFeatures: compatible,
      incompatibleFeatures: incompatible, rootNID: layout.nid(of: 0),
      inodeCount: UInt64(plan.inodes.count), epoch: plan.epoch,
      blockCount: UInt32(imageByteCount >> UInt64(options.blockSizeBits)),
      uuid: options.uuid ?? Self.uuid(identity))
    fields.attributeBlock = UInt32(layout.sharedOffset >> UInt64(options.blockSizeBits))
    fields.volumeName = options.volumeName
    // What the base has is not known exactly, so the most that there can be.
    let greatest =
      plan.base?.hasBigClusters == true
      ? CompressionConfiguration.encodedByteCountLimit : options.greatestClusterByteCount
    if algorithms.contains(.lz4) {
      fields.lz4ClusterBlockCount = max(1, greatest / options.blockByteCount)
    }
    if algorithms.contains(.zstd) { fields.zstdWindowBits = Self.windowBits(of: greatest) }
    var devices = ByteWriter()
    if let base = plan.base {
      fields.extraDeviceCount = 1
      fields.deviceTableOffset = deviceTableOffset
      DeviceSlot(
        tag: Array(base.image.superblock.uuid.hex.utf8), blockCount: base.blockCount,
        unifiedBlock: imageByteCount >> UInt64(options.blockSizeBits)
      ).encode(into: &devices)
    }
    if !prefixTable.isEmpty {
      fields.prefixCount = 1
      fields.prefixTableOffset = prefixTableOffset
    }
    let end = SuperblockFields.checksumRange(blockSizeBits: options.blockSizeBits).upperBound
    do throws(SystemError) {
      try file.write(prefixTable.rawSpan, at: UInt64(prefixTableOffset))
      try file.write(devices.bytes.rawSpan, at: UInt64(deviceTableOffset))
      var start = try file.read(byteCount: end, at: 0)
      start.append(contentsOf: repeatElement(0, count: end - start.count))
      var span = start.mutableRawSpan
      fields.encode(into: &span)
      try file.write(start.rawSpan.extracting(0..<Int(min(UInt64(end), imageByteCount))), at: 0)
    } catch {
      throw .output(error)
    }
  }

  /// Frames have no larger windows than contents, which are no longer than clusters; 10 is the
  /// least that the format knows.
  private static func windowBits(of clusterByteCount: Int) -> UInt8 {
    UInt8(max(10, Int.bitWidth - (clusterByteCount - 1).leadingZeroBitCount))
  }

  /// A UUID of version 8, the one for digests of one's own.
  private static func uuid(_ identity: Digest) -> [UInt8] {
    var bytes = Array(identity.bytes.prefix(16))
    bytes[6] = bytes[6] & 0x0F | 0x80
    bytes[8] = bytes[8] & 0x3F | 0x80
    return bytes
  }
}

extension TreePlan {
  /// Whether contents that are taken from the base may have their ends beside inodes.
  fileprivate var baseHasTails: Bool {
    base?.image.superblock.incompatibleFeatures.contains(.tailPacking) == true
  }

  /// What files may be compressed with, those included that the base has.
  fileprivate var algorithms: Set<CompressionAlgorithm> {
    options.algorithms.union(base?.algorithms ?? [])
  }

  /// Whether any inode has extended attributes.
  var hasAttributes: Bool {
    inodes.contains { $0.attributes.byteCount > 0 || $0.hasFingerprint }
  }
}

extension ContentRecord {
  /// What the content is compressed with; nil when it is not.
  var algorithm: CompressionAlgorithm? {
    if case .compressed(let algorithm, _, _, _, _) = self { algorithm } else { nil }
  }

  var isChunked: Bool {
    switch self {
    case .chunked, .sparse: true
    default: false
    }
  }
}
