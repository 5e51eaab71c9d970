internal import Bytes
internal import Codecs
internal import EROFS
package import EROFSReader
internal import Linux
internal import TreeSources

/// An image that others take contents from: they name it as their extra device.
///
/// Blocks of the base have addresses behind the last block of the image that is based on it.
package struct BaseImage: Sendable {
  let image: Image
  /// Regular files that are not empty, by size.
  private let candidates: [UInt64: [Inode]]

  /// The base `image`, all of whose inodes are looked at.
  package init(_ image: Image) throws(BuildError) {
    self.image = image
    guard image.superblock.extraDeviceCount == 0 else {
      throw .limit("the base image is based on another one itself")
    }
    var candidates: [UInt64: [Inode]] = [:]
    var seen: Set<UInt64> = []
    var walk = TreeWalk(image)
    while let inode = try Self.reading({ () throws(ReadError) in try walk.next() })?.inode {
      guard inode.fileType == .regular, inode.byteCount > 0, seen.insert(inode.nid).inserted else {
        continue
      }
      candidates[inode.byteCount, default: []].append(inode)
    }
    self.candidates = candidates
  }

  /// Blocks of the base.
  var blockCount: UInt64 { image.superblock.blockCount }

  /// Whether maps of the base's files count blocks of clusters.
  var hasBigClusters: Bool {
    image.superblock.incompatibleFeatures.contains(.compressionConfigurations)
  }

  /// What its files may be compressed with, of what the builder can say of them.
  var algorithms: Set<CompressionAlgorithm> {
    Set([.lz4, .zstd].filter { image.superblock.compression.allows($0) })
  }

  func hasFile(byteCount: UInt64) -> Bool { candidates[byteCount] != nil }

  /// The files of the base that have one of the sizes, each size's in order of their places.
  func files(byteCounts: Set<UInt64>) -> [Inode] {
    byteCounts.sorted().flatMap { candidates[$0] ?? [] }
  }

  /// Where the content of `inode` is, with what has to be kept of it in `spill`.
  ///
  /// Nil when there is no way to name it from outside: fragments, several algorithms in one file or
  /// others than the builder's, extents that do not follow each other, more than one of them within
  /// a block of the file, data that does not end with a block.
  func record(of inode: Inode, into spill: inout Spill) throws(BuildError) -> ContentRecord? {
    let extents = try Self.reading { () throws(ReadError) in try image.extents(of: inode) }
    switch inode.dataLayout {
    case .plain, .inline: return try plainRecord(inode, extents, &spill)
    case .chunked: return try chunkedRecord(inode, extents, &spill)
    case .compressedFull, .compressedCompact: return try compressedRecord(inode, extents, &spill)
    }
  }

  /// The first block of an extent that is within what the base says it has.
  private func block(of extent: Extent) -> UInt32? {
    let mask = UInt64(image.superblock.blockByteCount - 1)
    let end = blockCount << UInt64(image.superblock.blockSizeBits)
    guard extent.place == .device(0), extent.storedOffset & mask == 0,
      extent.storedOffset <= end, extent.storedByteCount <= end - extent.storedOffset
    else { return nil }
    return UInt32(exactly: extent.storedOffset >> UInt64(image.superblock.blockSizeBits))
  }

  private func plainRecord(
    _ inode: Inode, _ extents: [Extent], _ spill: inout Spill
  ) throws(BuildError) -> ContentRecord? {
    var rest = extents[...]
    var tail: Spill.Range?
    if let last = rest.last, last.kind == .inline {
      tail = try spill.append(try bytes(of: inode, from: last.fileOffset))
      rest.removeLast()
    }
    guard rest.count <= 1, rest.allSatisfy({ $0.kind == .plain }) else { return nil }
    let first = rest.first.map { block(of: $0) } ?? 0
    return first.map { .plain(firstBlock: $0, tail: tail) }
  }

  private func chunkedRecord(
    _ inode: Inode, _ extents: [Extent], _ spill: inout Spill
  ) throws(BuildError) -> ContentRecord? {
    let superblock = image.superblock
    let chunkBits = superblock.blockSizeBits + UInt8(inode.chunkFormat & 0x1F)
    var table = ByteWriter()
    for extent in extents {
      guard extent.kind == .hole || extent.kind == .plain else { return nil }
      let first = block(of: extent)
      guard extent.kind == .hole || first != nil else { return nil }
      for position in 0..<extent.byteCount.dividedRoundingUp(by: 1 << UInt64(chunkBits)) {
        let distance = UInt32(position) << UInt32(chunkBits - superblock.blockSizeBits)
        table.append(extent.kind == .hole ? UInt32.max : (first ?? 0) + distance)
      }
    }
    return .chunked(chunkBits: chunkBits, try spill.append(table.bytes))
  }

  private func compressedRecord(
    _ inode: Inode, _ extents: [Extent], _ spill: inout Spill
  ) throws(BuildError) -> ContentRecord? {
    guard image.superblock.incompatibleFeatures.contains(.zeroPadding) else { return nil }
    let blockBits = UInt64(image.superblock.blockSizeBits)
    let blockByteCount = 1 << Int(blockBits)
    let used = Set(extents.compactMap(\.algorithm))
    let algorithm = used.first ?? .lz4
    guard used.count <= 1, algorithms.contains(algorithm) else { return nil }
    var records: [StoredExtent] = []
    var tail: Spill.Range?
    var first: UInt32?
    var blockCount: UInt32 = 0
    for (index, extent) in extents.enumerated() {
      guard extent.kind == .plain || extent.kind == .inline || extent.algorithm != nil
      else { return nil }
      var stored = StoredExtent(
        byteCount: Int(extent.byteCount),
        blockCount: Int(extent.storedByteCount.dividedRoundingUp(by: 1 << blockBits)),
        isCompressed: extent.algorithm != nil)
      if case .metadata(.image) = extent.place, index == extents.count - 1 {
        tail = try spill.append(try storedBytes(of: extent))
        stored.blockCount = 1
      } else {
        guard let block = block(of: extent), block == (first ?? block) + blockCount,
          !stored.isCompressed || extent.storedByteCount % UInt64(blockByteCount) == 0
        else { return nil }
        first = first ?? block
        // An extent of blocks that are stored as they are may be many of the map's.
        guard stored.isCompressed else {
          for start in stride(from: 0, to: stored.byteCount, by: blockByteCount) {
            records.append(
              StoredExtent(
                byteCount: min(blockByteCount, stored.byteCount - start), blockCount: 1,
                isCompressed: false))
            blockCount += 1
          }
          continue
        }
        blockCount += UInt32(stored.blockCount)
      }
      records.append(stored)
    }
    guard Self.hasIndexes(records, blockSizeBits: blockBits) else { return nil }
    return .compressed(
      algorithm, firstBlock: first ?? 0, blockCount: blockCount,
      extents: try spill.append(RecordForm.encode(records)), tail: tail)
  }

  /// Whether extents can be said by indexes: every block of the file has the start of one at most.
  private static func hasIndexes(_ extents: [StoredExtent], blockSizeBits: UInt64) -> Bool {
    var offset: UInt64 = 0
    for extent in extents.dropLast() {
      let end = offset + UInt64(extent.byteCount)
      guard end >> blockSizeBits > offset >> blockSizeBits else { return false }
      offset = end
    }
    return true
  }

  /// What `inode` holds from `offset` to its end, less than a block.
  private func bytes(of inode: Inode, from offset: UInt64) throws(BuildError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(inode.byteCount - offset))
    do throws(ReadError) {
      var span = bytes.mutableRawSpan
      _ = try image.read(inode, at: offset, into: &span)
    } catch {
      throw .base(error)
    }
    return bytes
  }

  /// The stored form of an extent that lies beside its inode.
  private func storedBytes(of extent: Extent) throws(BuildError) -> [UInt8] {
    let address = MetadataAddress(space: .image, offset: extent.storedOffset)
    return try Self.reading { () throws(ReadError) in
      try image.metadataBytes(at: address, byteCount: Int(extent.storedByteCount))
    }
  }

  /// The digest of all that `inode` holds.
  func digest(of inode: Inode) throws(BuildError) -> Digest {
    var hash = SHA256()
    var buffer = [UInt8](
      repeating: 0, count: Int(min(UInt64(JobQueue.segmentByteCount), inode.byteCount)))
    var offset: UInt64 = 0
    while offset < inode.byteCount {
      var count = 0
      do throws(ReadError) {
        var span = buffer.mutableRawSpan
        count = try image.read(inode, at: offset, into: &span)
      } catch {
        throw .base(error)
      }
      hash.update(buffer.rawSpan.extracting(0..<count))
      offset += UInt64(count)
    }
    return hash.finish()
  }

  private static func reading<Value>(
    _ body: () throws(ReadError) -> Value
  ) throws(BuildError) -> Value {
    do throws(ReadError) {
      return try body()
    } catch {
      throw .base(error)
    }
  }
}

extension Extent {
  /// What the extent is compressed with; nil when it is not.
  fileprivate var algorithm: CompressionAlgorithm? {
    if case .compressed(let algorithm) = kind { algorithm } else { nil }
  }
}
