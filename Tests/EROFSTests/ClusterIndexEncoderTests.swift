import Bytes
import EROFS
import TestSupport
import Testing

/// Indexes as a builder writes them, against worked examples and the decoder.
@Suite struct ClusterIndexEncoderTests {
  private func encode(
    _ extents: [StoredExtent], firstBlock: UInt32, map: ClusterMapFields, tableOffset: UInt64
  ) -> [UInt8] {
    var writer = ByteWriter()
    var encoder = ClusterIndexEncoder(map: map, tableOffset: tableOffset, firstBlock: firstBlock)
    var block = firstBlock
    for extent in extents {
      encoder.append(extent, at: block, into: &writer)
      block += UInt32(extent.blockCount)
    }
    encoder.finish(into: &writer)
    return writer.bytes
  }

  @Test func `clusters of one block are those of the worked example`() {
    let map = ClusterMapFields(
      blockSizeBits: 12, fileByteCount: 10_065, isCompact: true, hasBigClusters: false)
    let bytes = encode(
      [
        StoredExtent(byteCount: 7824, blockCount: 1, isCompressed: true),
        StoredExtent(byteCount: 2241, blockCount: 1, isCompressed: false),
      ], firstBlock: 773, map: map, tableOffset: 3_346_408)
    #expect(bytes.hex == "0010900e04030000" + "5107000006030000")
  }

  @Test func `clusters of several blocks are those of the worked example`() {
    let map = ClusterMapFields(
      blockSizeBits: 12, fileByteCount: 14_530, isCompact: true, hasBigClusters: true)
    let bytes = encode(
      [StoredExtent(byteCount: 14_530, blockCount: 2, isCompressed: true)], firstBlock: 624,
      map: map, tableOffset: 8)
    #expect(bytes.hex == "0010022870020000" + "0220c20872020000")
  }

  @Test(arguments: [false, true])
  func `random extents are decoded to what was encoded`(hasBigClusters: Bool) throws {
    var generator = SeededGenerator(for: "cluster indexes")
    for _ in 0..<200 {
      var extents: [StoredExtent] = []
      var (byteCount, offset) = (0, 0)
      for _ in 0..<Int.random(in: 1...60, using: &generator) {
        let isCompressed = Bool.random(using: &generator)
        let blockCount =
          isCompressed && hasBigClusters ? Int.random(in: 1...16, using: &generator) : 1
        let length =
          isCompressed
          ? blockCount * 4096 + Int.random(in: 1...40_000, using: &generator) : 4096
        extents.append(
          StoredExtent(byteCount: length, blockCount: blockCount, isCompressed: isCompressed))
        byteCount += length
      }
      let map = ClusterMapFields(
        blockSizeBits: 12, fileByteCount: UInt64(byteCount), isCompact: true,
        hasBigClusters: hasBigClusters)
      let tableOffset = UInt64(Int.random(in: 1...20, using: &generator) * 8)
      let bytes = encode(extents, firstBlock: 1000, map: map, tableOffset: tableOffset)
      #expect(bytes.count == map.byteCount(behind: tableOffset - 8) - 8)
      let heads = try decode(bytes, map, tableOffset).filter { $0.isHead }
      // Where the last extent ends within a cluster, the index of that cluster is one more head.
      try #require(heads.count - extents.count == (byteCount % 4096 > 0 ? 1 : 0))
      var block: UInt32 = 1000
      for (index, extent) in extents.enumerated() {
        #expect(heads[index].kind == (extent.isCompressed ? .head1 : .plain))
        #expect(heads[index].clusterOffset == offset % 4096)
        #expect(heads[index].block == block)
        block += UInt32(extent.blockCount)
        offset += extent.byteCount
      }
    }
  }

  private func decode(
    _ bytes: [UInt8], _ map: ClusterMapFields, _ tableOffset: UInt64
  ) throws -> [ClusterIndex] {
    let table = CompactIndexes(
      tableOffset: tableOffset, clusterCount: map.clusterCount, clusterBits: 12, isDense: true,
      hasBigClusters: map.hasBigClusters)
    var indexes: [ClusterIndex] = []
    while UInt64(indexes.count) < map.clusterCount {
      let pack = table.pack(of: UInt64(indexes.count))
      let range = Int(pack.offset)..<Int(pack.offset) + pack.byteCount
      try table.decode(bytes.rawSpan.extracting(range), of: pack, nid: 0, into: &indexes)
    }
    return Array(indexes.prefix(Int(map.clusterCount)))
  }
}
