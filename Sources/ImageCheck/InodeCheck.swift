internal import Bytes
internal import EROFS
internal import EROFSReader

/// What inodes say of themselves, each looked at once.
extension ImageChecker {
  /// Checks inode `nid`, which the entry at `path` or the superblock leads to; nil when it is none.
  @discardableResult
  func checkInode(_ nid: UInt64, at path: FileName?) throws(SourceError) -> FileType? {
    let found = try attempt(.inode, at: address(of: nid), nid: nid, path: path) {
      () throws(ReadError) in try image.inode(nid)
    }
    guard let inode = found else { return nil }
    if let known = names[nid] {
      names[nid] = (known.declared, known.found &+ 1)
      return inode.fileType
    }
    names[nid] = (inode.linkCount, 1)
    summary.inodes += 1
    for special in [image.superblock.packedNID, image.superblock.metaboxNID] where special == nid {
      fault(.specialInode, at: inode.address, nid: nid, path: path, "a name for what has none")
    }
    try checkAttributes(of: inode, at: path)
    switch inode.fileType {
    case .symbolicLink:
      _ = try attempt(.inode, at: inode.address, nid: nid, path: path) {
        () throws(ReadError) in try image.symbolicLinkTarget(inode)
      }
    case .regular, .directory:
      try checkContent(of: inode, at: path, isSpecial: false)
    default: break
    }
    return inode.fileType
  }

  private func checkAttributes(of inode: Inode, at path: FileName?) throws(SourceError) {
    guard inode.attributeByteCount > 0 else { return }
    guard inode.attributeByteCount > AttributeHeader.byteCount else {
      return fault(
        .attribute, at: inode.address, nid: inode.nid, path: path, "attributes without an entry")
    }
    let found = try attempt(.attribute, at: inode.address, nid: inode.nid, path: path) {
      () throws(ReadError) in try image.extendedAttributes(inode)
    }
    var previous: [UInt8]?
    for attribute in found ?? [] {
      let name = FileName(attribute.name).text
      if attribute.name == previous {
        fault(
          .attribute, at: inode.address, nid: inode.nid, path: path, "two attributes \(name)")
      } else if try image.isHidden(attribute.name, of: inode) {
        fault(
          .attribute, at: inode.address, nid: inode.nid, path: path,
          "the name filter denies the attribute \(name)")
      }
      previous = attribute.name
    }
  }

  /// Compares how many names files have with how many they say that they have.
  func checkNames() {
    for node in tree.nodes {
      guard let declared = names[node.nid]?.declared else { continue }
      names[node.nid] = nil
      // 1 stands for more than the field can hold.
      guard declared != 1, declared != 2 &+ node.subdirectoryCount else { continue }
      fault(
        .inode, at: address(of: node.nid), nid: node.nid,
        "\(declared) links to a directory with \(node.subdirectoryCount) subdirectories")
    }
    for nid in names.keys.sorted() {
      guard let (declared, found) = names[nid], declared != found else { continue }
      fault(.inode, at: address(of: nid), nid: nid, "\(declared) links, but \(found) names")
    }
  }
}

extension Image {
  /// Whether a look-up of the attribute `name`, which `inode` has, fails to find it.
  fileprivate func isHidden(_ name: [UInt8], of inode: Inode) throws(SourceError) -> Bool {
    do throws(ReadError) {
      return try extendedAttribute(named: name.rawSpan, of: inode) == nil
    } catch {
      if case .source(let error) = error { throw error }
      return true
    }
  }
}
