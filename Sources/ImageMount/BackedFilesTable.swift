internal import Bytes

/// The files of a mount that the kernel reads elsewhere, and by which registrations.
///
/// | Offset | Size    | Field                                               |
/// |-------:|--------:|-----------------------------------------------------|
/// |      0 |       4 | how many files                                      |
/// |      4 |       4 | how many nodes that files had before                |
/// |      8 | 24 each | the files                                           |
/// |        |  8 each | the numbers of nodes that files had before          |
///
/// | Offset | Size | Field of a file                                      |
/// |-------:|-----:|------------------------------------------------------|
/// |      0 |    8 | its nid                                              |
/// |      8 |    8 | the number of its node; 0 for none                   |
/// |     16 |    4 | the node's registration with the mount; 0 for none   |
/// |     20 |    4 | how often it is open                                 |
///
/// Files that nobody has open are in the order in which they were closed.
package struct BackedFilesTable: HandoverTable {
  struct File: Equatable {
    static let byteCount = 24

    let nid: UInt64
    let nodeNumber: UInt64
    let backingID: Int32
    let openCount: UInt32
  }

  package static let magic = "CULLETF1"
  private static let headerByteCount = 8

  let files: [File]
  let formerNodeNumbers: [UInt64]

  init(files: [File], formerNodeNumbers: [UInt64]) {
    self.files = files
    self.formerNodeNumbers = formerNodeNumbers
  }

  package init(decoding bytes: RawSpan) throws(HandoverError) {
    guard bytes.byteCount >= Self.headerByteCount else { throw HandoverError(.truncated) }
    let fileCount = Int(bytes.load(fromByteOffset: 0) as UInt32)
    let formerCount = Int(bytes.load(fromByteOffset: 4) as UInt32)
    let filesEnd = Self.headerByteCount + fileCount * File.byteCount
    try bytes.requireTable(of: filesEnd + formerCount * 8)
    var nids: Set<UInt64> = []
    var backingIDs: Set<Int32> = []
    var files: [File] = []
    files.reserveCapacity(fileCount)
    for start in stride(from: Self.headerByteCount, to: filesEnd, by: File.byteCount) {
      let file = File(
        nid: bytes.load(fromByteOffset: start), nodeNumber: bytes.load(fromByteOffset: start + 8),
        backingID: bytes.load(fromByteOffset: start + 16),
        openCount: bytes.load(fromByteOffset: start + 20))
      guard file.backingID >= 0, file.backingID == 0 || file.nodeNumber != 0 else {
        throw HandoverError(.malformed)
      }
      let isNew = file.backingID == 0 || backingIDs.insert(file.backingID).inserted
      guard nids.insert(file.nid).inserted, isNew else {
        throw HandoverError(.duplicate, number: file.nid)
      }
      files.append(file)
    }
    self.files = files
    formerNodeNumbers = (0..<formerCount).map { bytes.load(fromByteOffset: filesEnd + $0 * 8) }
  }

  package func encoded() -> [UInt8] {
    var writer = ByteWriter(
      reservingCapacity: Self.headerByteCount + files.count * File.byteCount
        + formerNodeNumbers.count * 8)
    writer.append(UInt32(files.count))
    writer.append(UInt32(formerNodeNumbers.count))
    for file in files {
      writer.append(file.nid)
      writer.append(file.nodeNumber)
      writer.append(file.backingID)
      writer.append(file.openCount)
    }
    for number in formerNodeNumbers { writer.append(number) }
    return writer.bytes
  }
}
