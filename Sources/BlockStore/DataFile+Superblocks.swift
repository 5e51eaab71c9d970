internal import Bytes
internal import Linux

/// The superblocks, in the header area.
extension DataFile {
  /// The newer of the valid superblocks.
  func readHeader() throws(SystemError) -> StoreHeader? {
    var newest: StoreHeader?
    for offset in StoreHeader.offsets {
      let bytes = try file.read(byteCount: StoreHeader.byteCount, at: offset)
      guard let header = StoreHeader(decoding: bytes.rawSpan) else { continue }
      if header.serial > newest?.serial ?? 0 { newest = header }
    }
    return newest
  }

  /// Whether a superblock's place bears our name.
  func bearsOurName() throws(SystemError) -> Bool {
    for offset in StoreHeader.offsets {
      let bytes = try file.read(byteCount: 8, at: offset)
      if bytes.count == 8,
        bytes.rawSpan.load(fromByteOffset: 0, as: UInt64.self) == StoreHeader.magic
      {
        return true
      }
    }
    return false
  }

  /// Whether the header area holds nothing but zeros.
  func isBlank() throws(SystemError) -> Bool {
    let bytes = try file.read(byteCount: Int(Geometry.headerByteCount), at: 0)
    return bytes.allSatisfy { $0 == 0 }
  }

  /// Writes the superblock to the copy that its serial number selects, durably.
  func write(_ header: StoreHeader) throws(SystemError) {
    let copy = Int(header.serial % UInt64(StoreHeader.offsets.count))
    try file.write(header.encoded.rawSpan, at: StoreHeader.offsets[copy])
    try file.syncData()
  }
}
