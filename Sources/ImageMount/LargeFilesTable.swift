internal import Bytes

/// The files of a plain image, in the order in which they came there: it decides where their bytes are.
///
/// | Offset | Size    | Field                              |
/// |-------:|--------:|------------------------------------|
/// |      0 |       4 | how many files                     |
/// |      4 |       4 | zero                               |
/// |      8 | 16 each | each file's nid, and its byte count |
package struct LargeFilesTable: HandoverTable {
  struct File: Equatable {
    static let byteCount = 16

    let nid: UInt64
    let byteCount: UInt64
  }

  package static let magic = "CULLETL1"
  private static let headerByteCount = 8

  let files: [File]

  init(files: [File]) {
    self.files = files
  }

  package init(decoding bytes: RawSpan) throws(HandoverError) {
    guard bytes.byteCount >= Self.headerByteCount else { throw HandoverError(.truncated) }
    let count = Int(bytes.load(fromByteOffset: 0) as UInt32)
    guard count <= PlainImage.fileCountMax, bytes.load(fromByteOffset: 4) == 0 as UInt32 else {
      throw HandoverError(.malformed)
    }
    try bytes.requireTable(of: Self.headerByteCount + count * File.byteCount)
    var nids: Set<UInt64> = []
    var files: [File] = []
    for start in stride(from: Self.headerByteCount, to: bytes.byteCount, by: File.byteCount) {
      let file = File(
        nid: bytes.load(fromByteOffset: start), byteCount: bytes.load(fromByteOffset: start + 8))
      guard nids.insert(file.nid).inserted else {
        throw HandoverError(.duplicate, number: file.nid)
      }
      files.append(file)
    }
    self.files = files
  }

  package func encoded() -> [UInt8] {
    var writer = ByteWriter(
      reservingCapacity: Self.headerByteCount + files.count * File.byteCount)
    writer.append(UInt32(files.count))
    writer.append(0 as UInt32)
    for file in files {
      writer.append(file.nid)
      writer.append(file.byteCount)
    }
    return writer.bytes
  }
}
