internal import FUSEProtocol

/// Maps EROFS nids to the node numbers that the kernel's FUSE client knows, and back.
///
/// The root is node 1 by FUSE's rule and node 0 means "none", so nids move up by two; the mapping
/// needs no table, and therefore nothing is ever forgotten or looked up twice.
struct NodeNumbering: Sendable {
  let rootNID: UInt64

  func node(of nid: UInt64) -> NodeID {
    // Bit 63 marks metabox inodes, whose numbers stay small, so the sum cannot overflow for nids
    // that the reader accepts; a wrapped one would only name an inode that does not exist.
    nid == rootNID ? NodeID.root : NodeID(rawValue: nid &+ 2)
  }

  func nid(of node: NodeID) -> UInt64 {
    node == .root ? rootNID : node.rawValue &- 2
  }
}
