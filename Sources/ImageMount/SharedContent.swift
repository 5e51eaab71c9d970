internal import Linux
internal import PageTier

/// Which files of a domain's images are read through which node of the content mount.
///
/// A file has a node of its own until it was verified and a second image wants it; that node then
/// stands for both, and what the kernel had of it, which nobody had checked, is dropped. Thread-safe.
package final class SharedContent: Sendable {
  private struct Table {
    /// By what they were verified to be.
    var verified: [FileIdentity: ContentNode] = [:]
    /// Those of one image, by what it claims them to be.
    var unverified: [FileIdentity: [ContentNode]] = [:]
  }

  let mount: ContentMount
  private let table = Lock(Table())

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
      if let node = table.withLock({ $0.verified[claim] }), node.add(claimant) { return node }
      if let node = verifiedLately(claim), node.add(claimant) { return node }
    }
    let node = mount.makeNode(of: claimant, isVerified: isVerified)
    table.withLock { table in
      if isVerified {
        // One that is there has nobody behind it any more.
        table.verified[claim] = node
      } else {
        table.unverified[claim, default: []].append(node)
      }
    }
    return node
  }

  /// A node of one image that turned out to be what it claims, for all that claim it.
  private func verifiedLately(_ claim: FileIdentity) -> ContentNode? {
    let node = table.withLock { table -> ContentNode? in
      guard let nodes = table.unverified[claim],
        let index = nodes.firstIndex(where: { $0.identity == claim })
      else { return nil }
      table.unverified[claim]?.remove(at: index)
      return nodes[index]
    }
    guard let node else { return nil }
    // In this order: whatever is read from now on is checked, and the rest is dropped.
    node.becomeVerified()
    guard mount.forgetContent(of: node) else { return nil }
    return table.withLock { table in
      if let other = table.verified[claim] { return other }
      table.verified[claim] = node
      return node
    }
  }

  /// Takes `image` from behind `node`, which claims to be `claim`.
  ///
  /// Never called while answering a request.
  func leave(_ node: ContentNode, _ image: PagedImage, claim: FileIdentity) {
    guard !node.remove(image) else { return }
    table.withLock { table in
      if table.verified[claim] === node { table.verified[claim] = nil }
      table.unverified[claim]?.removeAll { $0 === node }
      if table.unverified[claim]?.isEmpty == true { table.unverified[claim] = nil }
    }
    mount.remove(node)
  }
}
