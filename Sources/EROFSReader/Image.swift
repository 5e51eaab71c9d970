internal import Bytes
internal import Codecs
package import EROFS
internal import Linux

/// An EROFS image, open for reading.
///
/// Every call may be made from many threads at a time. Nothing is trusted: whatever the bytes of
/// the image are, a call ends, takes memory within ``CacheLimits`` plus a few MiB for its duration,
/// and returns or throws. Nothing is checked before it is needed, so opening is cheap and damage
/// shows only where it is.
package final class Image: Sendable {
  /// The size of the pieces in which metadata is read and kept, unless blocks are larger.
  static let metadataUnitByteCount = 16 << 10
  /// The most compressed bytes that one source read fetches; no extent has more.
  static let runByteCountLimit = CompressionConfiguration.encodedByteCountLimit

  package let superblock: Superblock
  let devices: DeviceSet
  package let primaryByteCount: UInt64
  let unitByteCount: Int
  let units: BoundedCache<MetadataUnitKey, MetadataUnit>
  let inodes: BoundedCache<UInt64, Inode>
  let clusterMaps: BoundedCache<UInt64, ClusterMap>
  let segments: BoundedCache<ExtentSegmentKey, ExtentSegment>
  let clusters: BoundedCache<DecodedClusterKey, DecodedCluster>
  let decompressors = IdlePool { Decompressor() }
  let scratchBuffers = IdlePool { ScratchBuffer(byteCount: runByteCountLimit) }
  let recentClusters = RecentClusters()
  let readEnds = ReadEnds()
  /// Nil when nobody helps.
  let decodingCrew: DecodingCrew?
  /// The long attribute prefixes, once they were needed.
  let prefixes = Lock<[AttributePrefix]?>(nil)

  /// Opens the image in `source`; `devices` are its extra devices, in order of its device table.
  ///
  /// Without `devices`, data on extra devices can be read only from an image that holds them at
  /// their unified addresses. `decoderCount` threads help to decode large reads: for callers that
  /// read with fewer threads than there are processors.
  package init(
    source: any BlockSource, devices extra: [any BlockSource] = [],
    limits: CacheLimits = CacheLimits(), decoderCount: Int = 0
  ) throws(ReadError) {
    decodingCrew = decoderCount > 0 ? DecodingCrew(threadCount: decoderCount) : nil
    primaryByteCount = source.byteCount
    var head = [UInt8](
      repeating: 0, count: Int(min(source.byteCount, UInt64(Superblock.prefixByteCount))))
    do {
      var span = head.mutableRawSpan
      try source.read(into: &span, at: 0)
    } catch {
      throw .source(error)
    }
    let superblock = try decoding { () throws(EROFSError) in
      try Superblock(decoding: head.rawSpan)
    }
    self.superblock = superblock
    unitByteCount = max(Self.metadataUnitByteCount, superblock.blockByteCount)
    // Not sharded by much: a unit counts thousands of times as much as an inode.
    units = BoundedCache(costLimit: limits.metadataByteCount, shardCount: 8)
    inodes = BoundedCache(costLimit: limits.inodeCount, shardCount: 16)
    clusterMaps = BoundedCache(costLimit: limits.inodeCount, shardCount: 4)
    segments = BoundedCache(costLimit: limits.mapByteCount, shardCount: 4)
    clusters = BoundedCache(costLimit: limits.clusterByteCount, shardCount: 1)

    var slots: [DeviceSlot] = []
    if superblock.extraDeviceCount > 0 {
      let table = try Self.readTable(
        source, at: superblock.deviceTableOffset,
        byteCount: superblock.extraDeviceCount * DeviceSlot.byteCount)
      slots = (0..<superblock.extraDeviceCount).map {
        DeviceSlot(
          decoding: table.rawSpan, at: $0, features: superblock.incompatibleFeatures)
      }
    }
    guard extra.isEmpty || extra.count == slots.count else {
      throw .format(
        EROFSError(.badDevice("\(extra.count) extra devices given, \(slots.count) expected")))
    }
    devices = DeviceSet(
      primary: source, extra: extra, slots: slots, blockSizeBits: superblock.blockSizeBits)
    try requireDirectoryAsRoot()
  }

  /// The bytes of the image and its extra devices.
  package var storedByteCount: UInt64 {
    (0...superblock.extraDeviceCount).reduce(0) { $0 &+ devices.byteCount(of: $1) }
  }

  /// Whether nothing of the image or its extra devices has to be fetched from elsewhere.
  package var isWhollyAtHand: Bool { devices.areWhollyAtHand }

  /// Lets go of what was decoded, and of what decoding takes.
  ///
  /// It comes back with the next reads; metadata stays.
  package func releaseBuffers() {
    recentClusters.removeAll()
    clusters.removeAll()
    scratchBuffers.removeAll()
    decompressors.removeAll()
  }

  private static func readTable(
    _ source: any BlockSource, at offset: UInt64, byteCount: Int
  ) throws(ReadError) -> [UInt8] {
    guard let range = ByteRange(offset: offset, byteCount: UInt64(byteCount)),
      range.end <= source.byteCount
    else { throw .format(EROFSError(.outOfBounds("device table"), at: offset)) }
    var table = [UInt8](repeating: 0, count: byteCount)
    do {
      var span = table.mutableRawSpan
      try source.read(into: &span, at: offset)
    } catch {
      throw .source(error)
    }
    return table
  }

  private func requireDirectoryAsRoot() throws(ReadError) {
    guard try inode(superblock.rootNID).fileType == .directory else {
      throw .format(EROFSError(.badSuperblock("root is not a directory"), at: superblock.rootNID))
    }
  }
}
