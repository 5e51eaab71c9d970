internal import Bytes
internal import Codecs
internal import EROFS
internal import EROFSReader

/// Where content is, and whether what is compressed decodes.
extension ImageChecker {
  /// Checks the map and the compressed data of `inode`; its fingerprint too, when that is wanted.
  ///
  /// `isSpecial` is for the packed inode and the metabox, which may not refer to themselves.
  func checkContent(
    of inode: Inode, at path: FileName?, isSpecial: Bool
  ) throws(SourceError) {
    let faultsBefore = summary.faults
    let kind = mapKind(of: inode, isSpecial: isSpecial)
    var position: UInt64 = 0
    while position < inode.byteCount, canGoOn(),
      summary.faults - faultsBefore < Self.faultLimitPerFile
    {
      let start = position
      let found = try attempt(kind, at: inode.address, nid: inode.nid, path: path) {
        () throws(ReadError) in try image.extent(of: inode, at: start)
      }
      // Without this one there is no telling where the next is.
      guard let extent = found else { return }
      summary.extents += 1
      try check(extent, of: inode, at: path, kind, isSpecial: isSpecial)
      position = extent.fileEnd
    }
    if verifiesFingerprints, inode.fileType == .regular, !isSpecial,
      summary.faults == faultsBefore
    {
      try checkFingerprint(of: inode, at: path)
    }
  }

  private func mapKind(of inode: Inode, isSpecial: Bool) -> Fault.Kind {
    if isSpecial { return .specialInode }
    switch inode.dataLayout {
    case .plain, .inline: return .inode
    case .chunked: return .chunk
    case .compressedCompact: return .clusterIndex
    case .compressedFull: return image.hasExtentTable(inode) ? .extentTable : .clusterIndex
    }
  }

  private func check(
    _ extent: Extent, of inode: Inode, at path: FileName?, _ kind: Fault.Kind, isSpecial: Bool
  ) throws(SourceError) {
    func report(_ kind: Fault.Kind, _ message: String) {
      fault(kind, at: inode.address, nid: inode.nid, path: path, message)
    }
    switch extent.place {
    case .device(let device):
      let byteCount = image.byteCount(ofDevice: device)
      let (end, overflow) = extent.storedOffset.addingReportingOverflow(extent.storedByteCount)
      let limit = byteCount.checkedRoundUp(toMultipleOf: UInt64(image.superblock.blockByteCount))
      if overflow || end > limit ?? byteCount {
        return report(
          kind,
          "data at \(extent.storedOffset)+\(extent.storedByteCount) past the end of its device")
      }
    case .metadata(.packed): return try checkFragment(extent, isSpecial: isSpecial, report)
    case .metadata: break
    }
    guard case .compressed(let algorithm) = extent.kind else { return }
    let hasDuplicates = image.superblock.incompatibleFeatures.contains(.fragments)
    switch clusters.note(extent, algorithm, nid: inode.nid, sharesPrefixes: hasDuplicates) {
    case .known: break
    case .unknown: try decode(extent, of: inode, at: path)
    case .contradiction(let other):
      fault(
        .overlap, at: MetadataAddress(space: .image, offset: extent.storedOffset), nid: inode.nid,
        path: path, "inode \(other) has other compressed data in the same place")
    }
  }

  private func checkFragment(
    _ extent: Extent, isSpecial: Bool, _ report: (Fault.Kind, String) -> Void
  ) throws(SourceError) {
    guard !isSpecial else { return report(.specialInode, "part of it is a fragment of itself") }
    guard let nid = image.superblock.packedNID, let packed = try? image.inode(nid) else {
      return report(.specialInode, "a fragment in an image without a packed inode")
    }
    let (end, overflow) = extent.storedOffset.addingReportingOverflow(extent.byteCount)
    if overflow || end > packed.byteCount {
      report(.specialInode, "a fragment past the end of the packed inode")
    }
  }

  /// Decodes all that `extent` wants of its data.
  private func decode(
    _ extent: Extent, of inode: Inode, at path: FileName?
  ) throws(SourceError) {
    let byteCount = Int(extent.byteCount)
    var buffer = takeBuffer(byteCount: byteCount)
    defer { self.buffer = buffer }
    let space: MetadataSpace = if case .metadata(let space) = extent.place { space } else { .image }
    let address = MetadataAddress(space: space, offset: extent.storedOffset)
    let image = image
    _ = try attempt(.data, at: address, nid: inode.nid, path: path) { () throws(ReadError) in
      var span = buffer.mutableRawSpan
      var part = span[bytes: 0..<byteCount]
      return try image.read(inode, at: extent.fileOffset, into: &part)
    }
    summary.decodedBytes += extent.byteCount
  }

  /// The buffer, of `byteCount` bytes or more; to be put back, for it is not copied.
  private func takeBuffer(byteCount: Int) -> [UInt8] {
    var taken: [UInt8] = []
    swap(&taken, &buffer)
    return taken.count >= byteCount ? taken : [UInt8](repeating: 0, count: byteCount)
  }

  private func checkFingerprint(of inode: Inode, at path: FileName?) throws(SourceError) {
    let recorded = try attempt(.attribute, at: inode.address, nid: inode.nid, path: path) {
      () throws(ReadError) in try image.fingerprint(of: inode)
    }
    guard let recorded, let fingerprint = recorded else { return }
    let digest = try attempt(.data, at: inode.address, nid: inode.nid, path: path) {
      () throws(ReadError) in try contentDigest(of: inode)
    }
    summary.fingerprints += 1
    guard let digest, digest != fingerprint else { return }
    fault(
      .fingerprint, at: inode.address, nid: inode.nid, path: path,
      "content is sha256:\(digest.hex), recorded is sha256:\(fingerprint.hex)")
  }

  private func contentDigest(of inode: Inode) throws(ReadError) -> Digest {
    var buffer = takeBuffer(byteCount: 1 << 20)
    defer { self.buffer = buffer }
    var hash = SHA256()
    var offset: UInt64 = 0
    while offset < inode.byteCount {
      var span = buffer.mutableRawSpan
      let count = try image.read(inode, at: offset, into: &span)
      guard count > 0 else { break }
      hash.update(buffer.rawSpan.extracting(0..<count))
      offset += UInt64(count)
    }
    return hash.finish()
  }

  /// Reports compressed data that begins within other compressed data.
  func checkOverlaps() {
    for (first, second, nid) in clusters.overlaps() {
      fault(
        .overlap, at: MetadataAddress(space: .image, offset: second.offset), nid: nid,
        "compressed data begins within that at \(first.offset)")
    }
  }
}
