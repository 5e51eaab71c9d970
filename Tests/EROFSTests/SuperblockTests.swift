import Bytes
import EROFS
import Testing

@Suite struct SuperblockTests {
  @Test func `decodes the fields`() throws {
    let superblock = try FormatBytes.decodedSuperblock {
      $0.set(UInt32(0x03 & ~1), at: 8)
      $0.set(UInt32(3), at: 40)
      for (index, byte) in "volume".utf8.enumerated() { $0.set(byte, at: 64 + index) }
    }
    #expect(superblock.blockByteCount == 4096)
    #expect(superblock.rootNID == 36)
    #expect(superblock.inodeCount == 7)
    #expect(superblock.epoch == 1_700_000_000)
    #expect(superblock.fixedNanoseconds == 5)
    #expect(superblock.blockCount == 9)
    #expect(superblock.metadataBlock == 3)
    #expect(superblock.volumeName == Array("volume".utf8))
    #expect(superblock.packedNID == nil && superblock.metaboxNID == nil)
    #expect(superblock.compression.availableAlgorithms == 0)
  }

  @Test func `takes the root and block count of wide images from their own fields`() throws {
    let superblock = try FormatBytes.decodedSuperblock {
      $0.set(UInt32(0x80), at: 80)
      $0.set(UInt64(1) << 40, at: 112)
    }
    #expect(superblock.rootNID == 1 << 40)
    #expect(superblock.blockCount == 9 | 36 << 32)
  }

  @Test(
    arguments: [
      (.notAnImage, [0: [1]]),
      (.badSuperblock("block size of 2^8"), [12: [8]]),
      (.badSuperblock("block size of 2^255"), [12: [255]]),
      (.checksumMismatch, [8: [1]]),
      (.unsupported("incompatible features 0x200"), [81: [2]]),
      (.unsupported("directory blocks unlike data blocks"), [90: [1]]),
      (.outOfBounds("superblock"), [13: [255]]),
      (.badSuperblock("nanoseconds"), [32: [0xFF, 0xFF, 0xFF, 0xFF]]),
      (.badSuperblock("129 attribute prefixes"), [80: [0x40], 91: [129]]),
      (.badSuperblock("fingerprint prefix 0"), [8: [0x20]]),
      (.badSuperblock("packed inode in metabox"), [103: [0x80]]),
      (.badSuperblock("no metabox inode"), [80: [0x80, 1]]),
      (.badSuperblock("metabox within itself"), [80: [0x80, 1], 13: [1], 135: [0x80]]),
      (.unsupported("compression algorithms 0x10"), [80: [2], 84: [16]]),
      (.badSuperblock("LZ4 configuration"), [80: [2], 84: [1], 128: [13]]),
      (.badSuperblock("LZ4 configuration"), [80: [2], 84: [1], 128: [14, 0, 0, 0, 1, 1]]),
      (.badSuperblock("MicroLZMA configuration"), [80: [2], 84: [2], 128: [14]]),
      (.badSuperblock("DEFLATE configuration"), [80: [2], 84: [4], 128: [6, 0, 16]]),
      (.badSuperblock("zstd configuration"), [80: [2], 84: [8], 128: [6, 0, 0, 11]]),
    ] as [(EROFSError.Code, [Int: [UInt8]])])
  func `names what is wrong`(code: EROFSError.Code, edits: [Int: [UInt8]]) {
    let error = #expect(throws: EROFSError.self) {
      try FormatBytes.decodedSuperblock { block in
        for (offset, bytes) in edits {
          for (index, byte) in bytes.enumerated() { block.set(byte, at: offset + index) }
        }
      }
    }
    #expect(error?.code == code)
  }

  @Test func `a short image is none`() {
    for count in [0, 1023, 1024, 1151] {
      let error = #expect(throws: EROFSError.self) {
        try Superblock(decoding: [UInt8](repeating: 0, count: count).rawSpan)
      }
      #expect(error?.code == .notAnImage)
    }
  }

  @Test func `steps over the configuration of each algorithm`() throws {
    let superblock = try FormatBytes.decodedSuperblock {
      $0.set(UInt32(2), at: 80)
      $0.set(UInt16(0b1101), at: 84)
      $0.set(UInt16(14), at: 128)
      $0.set(UInt16(4), at: 132)
      $0.set(UInt16(7), at: 144)
      $0.set(UInt8(15), at: 146)
      $0.set(UInt16(6), at: 156)
      $0.set(UInt8(7), at: 159)
    }
    #expect(superblock.compression.allows(.lz4) && !superblock.compression.allows(.lzma))
    #expect(superblock.compression.allows(.deflate) && superblock.compression.allows(.zstd))
  }

  @Test func `finds inodes in the image and in the metabox`() throws {
    let plain = try FormatBytes.decodedSuperblock { $0.set(UInt32(2), at: 40) }
    #expect(
      try plain.address(ofNode: 5) == MetadataAddress(space: .image, offset: 2 * 4096 + 5 * 32))
    for nid in [1 << 63, 1 << 62, UInt64.max] as [UInt64] {
      #expect(throws: EROFSError.self) { try plain.address(ofNode: nid) }
    }
    let boxed = try FormatBytes.decodedSuperblock {
      $0.set(UInt32(2), at: 40)
      $0.set(UInt32(0x180), at: 80)
      $0.set(UInt8(1), at: 13)
    }
    #expect(
      try boxed.address(ofNode: 1 << 63 | 5) == MetadataAddress(space: .metabox, offset: 160))
  }
}
