import Bytes
import EROFS
import Testing

@Suite struct ClusterIndexTests {
  private static func decode(
    _ packs: [[UInt8]], clusterCount: UInt64, hasBigClusters: Bool
  ) throws -> [ClusterIndex] {
    let table = CompactIndexes(
      tableOffset: 0, clusterCount: clusterCount, clusterBits: 12, isDense: true,
      hasBigClusters: hasBigClusters)
    var indexes: [ClusterIndex] = []
    for bytes in packs {
      let pack = table.pack(of: UInt64(indexes.count))
      #expect(pack.byteCount == bytes.count && pack.firstCluster == UInt64(indexes.count))
      try table.decode(bytes.rawSpan, of: pack, nid: 1, into: &indexes)
    }
    return indexes
  }

  @Test func `numbers one-block clusters from behind the base of their pack`() throws {
    let indexes = try Self.decode(
      [
        [0x00, 0x10, 0x90, 0x0E, 0x04, 0x03, 0, 0],
        [0x51, 0x07, 0x00, 0x00, 0x06, 0x03, 0, 0],
      ], clusterCount: 3, hasBigClusters: false)
    #expect(indexes[0].kind == .head1 && indexes[0].clusterOffset == 0 && indexes[0].block == 773)
    #expect(indexes[1].kind == .plain && indexes[1].clusterOffset == 3728)
    #expect(indexes[1].block == 774)
    #expect(indexes[2].kind == .plain && indexes[2].clusterOffset == 1873)
  }

  @Test func `takes a big cluster's block count from its first continuation`() throws {
    let indexes = try Self.decode(
      [
        [0x00, 0x10, 0x02, 0x28, 0x70, 0x02, 0, 0],
        [0x02, 0x20, 0xC2, 0x08, 0x72, 0x02, 0, 0],
      ], clusterCount: 4, hasBigClusters: true)
    #expect(indexes[0].block == 624)
    #expect(indexes[1].kind == .continuation && indexes[1].blockCount == 2)
    #expect(indexes[2].blockCount == nil && indexes[2].headDistance == 2)
    #expect(indexes[3].kind == .plain && indexes[3].clusterOffset == 2242)
    #expect(indexes[3].block == 626)
  }

  @Test func `reads 16 indexes of 14 bits from a dense pack`() throws {
    // Heads and continuations in turn: 0x1000 + i, then 0x2001.
    var bits = [Bool](repeating: false, count: 28 * 8)
    for index in 0..<16 {
      let value = index % 2 == 0 ? 0x1000 + index : 0x2001
      for bit in 0..<14 where value >> bit & 1 == 1 { bits[index * 14 + bit] = true }
    }
    var pack = (0..<28).map { byte in
      (0..<8).reduce(UInt8(0)) { $0 | (bits[byte * 8 + $1] ? 1 << $1 : 0) }
    }
    pack += [100, 0, 0, 0]
    let indexes = try Self.decode([pack], clusterCount: 16, hasBigClusters: false)
    for index in 0..<16 {
      #expect(indexes[index].isHead == (index % 2 == 0))
      if index % 2 == 0 {
        #expect(indexes[index].clusterOffset == index)
        #expect(indexes[index].block == 101 + UInt32(index / 2))
      } else {
        #expect(indexes[index].headDistance == 1)
      }
    }
  }

  @Test func `finds every pack of a table where it is`() {
    for tableOffset in stride(from: UInt64(0), to: 64, by: 8) {
      for count in [1, 2, 5, 6, 17, 22, 40, 100] as [UInt64] {
        let table = CompactIndexes(
          tableOffset: tableOffset, clusterCount: count, clusterBits: 12, isDense: true,
          hasBigClusters: false)
        var offset: UInt64 = 0
        var cluster: UInt64 = 0
        while cluster < count {
          let pack = table.pack(of: cluster)
          #expect(pack.offset == offset && pack.firstCluster == cluster)
          #expect(pack.byteCount == 8 || (tableOffset + offset) % 32 == 0)
          for inside in cluster..<min(count, cluster + UInt64(pack.indexCount)) {
            #expect(table.pack(of: inside) == pack)
          }
          offset += UInt64(pack.byteCount)
          cluster += UInt64(pack.indexCount)
        }
      }
    }
  }

  @Test func `refuses a big cluster without a block count`() {
    #expect(throws: EROFSError(.badExtent("cluster without its block count"), at: 1)) {
      try Self.decode(
        [[0x01, 0x20, 0x00, 0x10, 0, 0, 0, 0]], clusterCount: 2, hasBigClusters: true)
    }
  }

  @Test func `reads full indexes`() throws {
    var writer = ByteWriter()
    for (flags, offset, value) in [
      (1, 0, 0x308), (0x8000, 3728, 0x309), (2, 0, 0x0001_0802), (3, 7, 0x30A),
    ] as [(UInt16, UInt16, UInt32)] {
      writer.append(flags)
      writer.append(offset)
      writer.append(value)
    }
    let indexes = try (0..<4).map {
      try FullIndexes.index(at: $0, in: writer.bytes.rawSpan, nid: 1)
    }
    #expect(indexes.map(\.kind) == [.head1, .plain, .continuation, .head2])
    #expect(indexes[1].isPartial && indexes[1].clusterOffset == 3728 && indexes[1].block == 0x309)
    #expect(indexes[2].blockCount == 2)
  }

  @Test func `names sparse clusters as unsupported and spare flags as corrupt`() {
    let sparse: [UInt8] = [1, 0x40, 0, 0, 0, 0, 0, 0]
    #expect(throws: EROFSError(.unsupported("sparse clusters"), at: 9)) {
      try FullIndexes.index(at: 0, in: sparse.rawSpan, nid: 9)
    }
    let spare: [UInt8] = [5, 0, 0, 0, 0, 0, 0, 0]
    #expect(throws: EROFSError(.badExtent("index flags 0x5"), at: 9)) {
      try FullIndexes.index(at: 0, in: spare.rawSpan, nid: 9)
    }
  }
}
