internal import Bytes

/// What statfs(2) tells about the filesystem: the payload of the answer to STATFS.
///
/// | Offset | Size | Field   |     | Offset | Size | Field   |
/// |-------:|-----:|---------|-----|-------:|-----:|---------|
/// |      0 |    8 | blocks  |     |     40 |    4 | bsize   |
/// |      8 |    8 | bfree   |     |     44 |    4 | namelen |
/// |     16 |    8 | bavail  |     |     48 |    4 | frsize  |
/// |     24 |    8 | files   |     |     52 |    4 | padding |
/// |     32 |    8 | ffree   |     |     56 |   24 | spare   |
package struct FilesystemStatistics: Equatable, Sendable {
  package static let byteCount = 80

  /// In units of ``blockSize``.
  package var blockCount: UInt64
  package var fileCount: UInt64
  package var blockSize: UInt32
  package var nameByteCountMax: UInt32

  package init(
    blockCount: UInt64, fileCount: UInt64, blockSize: UInt32 = 4096, nameByteCountMax: UInt32 = 255
  ) {
    self.blockCount = blockCount
    self.fileCount = fileCount
    self.blockSize = blockSize
    self.nameByteCountMax = nameByteCountMax
  }

  /// Writes the payload, which says that nothing is free; returns its size.
  package func encode(into target: inout MutableRawSpan) -> Int {
    target.zero(0..<Self.byteCount)
    target.store(blockCount, atByteOffset: 0)
    target.store(fileCount, atByteOffset: 24)
    target.store(blockSize, atByteOffset: 40)
    target.store(nameByteCountMax, atByteOffset: 44)
    target.store(blockSize, atByteOffset: 48)
    return Self.byteCount
  }
}
