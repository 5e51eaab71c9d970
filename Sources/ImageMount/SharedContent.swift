internal import FUSEProtocol
internal import Linux
internal import PageTier

/// Which files of a domain's images are read through which node of the content mount.
///
/// A file has a node of its own until it was verified and a second image wants it; that node then
/// stands for both, and what the kernel had of it, which nobody had checked, is dropped. Thread-safe.
package final class SharedContent: Sendable {
  /// The nodes of files that are claimed to be the same.
  private struct Nodes {
    /// That of all files that were verified.
    var verified: ContentNode?
    /// Those of one image each.
    var unverified: [ContentNode] = []

    var isEmpty: Bool { verified == nil && unverified.isEmpty }

    var all: [ContentNode] { unverified + (verified.map { [$0] } ?? []) }
  }

  let mount: ContentMount
  private let nodes = Lock<[FileIdentity: Nodes]>([:])

  /// The content of files of one domain, on `mount`.
  package init(on mount: ContentMount) {
    self.mount = mount
  }

  /// The node for the file of `claimant`, which its image claims to be `claim`.
  ///
  /// Never called while answering a request of the content mount.
  func node(for claimant: ContentNode.Claimant, claim: FileIdentity) -> ContentNode {
    for node in nodes.withLock({ $0[claim]?.all ?? [] }) { node.findPages() }
    let isVerified = claimant.file?.verifiedIdentity == claim
    if isVerified {
      if let node = nodes.withLock({ $0[claim]?.verified }), node.add(claimant) { return node }
      if let node = verifiedLately(claim), node.add(claimant) { return node }
    }
    let node = mount.makeNode(of: claimant, claim: claim, isVerified: isVerified)
    nodes.withLock { nodes in
      if isVerified {
        // One that is there has nobody behind it any more.
        nodes[claim, default: Nodes()].verified = node
      } else {
        nodes[claim, default: Nodes()].unverified.append(node)
      }
    }
    return node
  }

  /// A node of one image that turned out to be what it claims, for all that claim it.
  private func verifiedLately(_ claim: FileIdentity) -> ContentNode? {
    // Asked with the lock free: the answer may hold the last reference to an image.
    let candidates = nodes.withLock { $0[claim]?.unverified ?? [] }
    guard let node = candidates.first(where: { $0.identity == claim }) else { return nil }
    let isMine = nodes.withLock { nodes in
      let index = nodes[claim]?.unverified.firstIndex { $0 === node }
      return index.flatMap { nodes[claim]?.unverified.remove(at: $0) } != nil
    }
    guard isMine else { return nodes.withLock { $0[claim]?.verified } }
    // In this order: whatever is read from now on is checked, and the rest is dropped.
    node.becomeVerified()
    guard mount.forgetContent(of: node) else { return nil }
    return nodes.withLock { nodes in
      if let other = nodes[claim]?.verified { return other }
      nodes[claim, default: Nodes()].verified = node
      return node
    }
  }

  /// The nodes of `images`, for a successor that has the same in the same order.
  ///
  /// Once the sessions of their mounts and of the content mount have ended. Claims of other images are
  /// left out.
  package func table(of images: [PagedImage]) -> ContentTable {
    let indices = Dictionary(
      uniqueKeysWithValues: images.enumerated().map { (ObjectIdentifier($1), UInt32($0)) })
    let records = mount.nodes.sorted { $0.id.rawValue < $1.id.rawValue }.compactMap {
      node -> ContentTable.Node? in
      let claimants = node.files.compactMap { file in
        indices[ObjectIdentifier(file.image)].map {
          ContentTable.Claimant(imageIndex: $0, nid: file.nid)
        }
      }
      guard !claimants.isEmpty else { return nil }
      let isShared = nodes.withLock { $0[node.claim]?.verified === node }
      return ContentTable.Node(
        number: node.id.rawValue, claim: node.claim,
        standing: isShared ? .shared : node.isVerified ? .verified : .unverified,
        claimants: claimants)
    }
    return ContentTable(lastNumber: mount.lastNodeNumber, nodes: records)
  }

  /// Goes on with the nodes of another process, which had the same `images` in the same order.
  ///
  /// Before the mount is served. Looks at each file's inode. What was verified there is verified again
  /// as soon as it is read, which may fetch all of it. After an error nothing of it is to be served.
  package func adopt(_ table: ContentTable, images: [PagedImage]) throws(HandoverError) {
    var adopted: [ContentNode] = []
    for record in table.nodes {
      var claimants: [ContentNode.Claimant] = []
      for claimant in record.claimants {
        guard claimant.imageIndex < images.count else {
          throw HandoverError(.unknownImage, number: UInt64(claimant.imageIndex))
        }
        let image = images[Int(claimant.imageIndex)]
        // An origin that is away now does not matter: reads look at the file again.
        _ = try image.image.adoptedFile(claimant.nid, byteCount: record.claim.byteCount)
        claimants.append(ContentNode.Claimant(image: image, nid: claimant.nid, file: nil))
      }
      adopted.append(
        ContentNode(
          NodeID(rawValue: record.number), of: claimants, claim: record.claim,
          isVerified: record.standing != .unverified))
    }
    try mount.adopt(adopted, lastNumber: table.lastNumber)
    nodes.withLock { nodes in
      for (node, record) in zip(adopted, table.nodes) {
        switch record.standing {
        case .unverified: nodes[node.claim, default: Nodes()].unverified.append(node)
        case .verified: break
        case .shared: nodes[node.claim, default: Nodes()].verified = node
        }
      }
    }
  }

  /// Takes `image` from behind `node`.
  ///
  /// Never called while answering a request.
  func leave(_ node: ContentNode, _ image: PagedImage) {
    guard !node.remove(image) else { return }
    nodes.withLock { nodes in
      guard var known = nodes[node.claim] else { return }
      if known.verified === node { known.verified = nil }
      known.unverified.removeAll { $0 === node }
      nodes[node.claim] = known.isEmpty ? nil : known
    }
    mount.remove(node)
  }
}
