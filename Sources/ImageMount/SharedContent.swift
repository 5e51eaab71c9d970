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
    let isVerified = claimant.file.verifiedIdentity == claim
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
