internal import EROFS
internal import EROFSReader
internal import FUSEProtocol
internal import Linux
internal import PageTier

/// The files of one image that have fingerprints, in the nodes of its domain's shared content.
struct ContentBacking: FileBacking {
  let image: PagedImage
  let content: SharedContent

  var isOver: Bool { content.mount.isOver }

  func mayBack(_ inode: Inode) -> Bool { true }

  func node(for inode: Inode, insteadOf former: ContentNode?) throws(ReadError) -> ContentNode? {
    let file = try image.pages(of: inode)
    // Of what the image says nothing there is nothing to share.
    guard let claim = file.firstClaim else { return nil }
    if let former, former.isVerified || file.verifiedIdentity != claim { return former }
    let claimant = ContentNode.Claimant(image: image, nid: inode.nid, file: file)
    return content.node(for: claimant, claim: claim)
  }

  func number(of node: ContentNode) -> UInt64 { node.id.rawValue }

  func node(numbered number: UInt64) -> ContentNode? {
    let node = content.mount.node(numbered: number)
    return node?.images.contains { $0 === image } == true ? node : nil
  }

  func open(_ node: ContentNode) throws(SystemError) -> FileDescriptor {
    try content.mount.open(node)
  }

  func cachedByteCount(of node: ContentNode) -> Int {
    content.mount.cachedByteCount(of: node) / max(1, node.images.count)
  }

  func leave(_ node: ContentNode) { content.leave(node, image) }
}
