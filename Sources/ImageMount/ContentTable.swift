internal import Bytes
internal import PageTier

/// The nodes through which the images of a domain share files, and which files are behind them.
///
/// | Offset | Size    | Field                                            |
/// |-------:|--------:|--------------------------------------------------|
/// |      0 |       8 | the last number that a node had, in any domain   |
/// |      8 |       4 | how many nodes                                   |
/// |     12 |       4 | how many claimants, of all of them               |
/// |     16 | 56 each | the nodes                                        |
/// |        | 16 each | the claimants, in the order of their nodes       |
///
/// | Offset | Size | Field of a node                                     |
/// |-------:|-----:|-----------------------------------------------------|
/// |      0 |    8 | its number                                          |
/// |      8 |    8 | the size of the file, in bytes                      |
/// |     16 |   32 | the SHA-256 that it is claimed to have              |
/// |     48 |    4 | 0: private, 1: verified, 2: verified, and for all that claim the same |
/// |     52 |    4 | how many claimants                                  |
///
/// | Offset | Size | Field of a claimant                                 |
/// |-------:|-----:|-----------------------------------------------------|
/// |      0 |    4 | which image, counted from 0                         |
/// |      4 |    4 | zero                                                |
/// |      8 |    8 | the nid of the file                                 |
package struct ContentTable: HandoverTable {
  struct Claimant: Equatable {
    static let byteCount = 16

    let imageIndex: UInt32
    let nid: UInt64
  }

  struct Node: Equatable {
    enum Standing: UInt32 {
      /// Of one file of one image.
      case unverified
      /// What is read through it is checked.
      case verified
      /// Verified, and the one for further images.
      case shared
    }

    static let byteCount = 56

    let number: UInt64
    let claim: FileIdentity
    let standing: Standing
    let claimants: [Claimant]
  }

  package static let magic = "CULLETN1"
  private static let headerByteCount = 16

  let lastNumber: UInt64
  let nodes: [Node]

  init(lastNumber: UInt64, nodes: [Node]) {
    self.lastNumber = lastNumber
    self.nodes = nodes
  }

  package init(decoding bytes: RawSpan) throws(HandoverError) {
    guard bytes.byteCount >= Self.headerByteCount else { throw HandoverError(.truncated) }
    lastNumber = bytes.load(fromByteOffset: 0)
    // There are to be more.
    guard lastNumber < 1 << 62 else { throw HandoverError(.malformed, number: lastNumber) }
    let nodeCount = Int(bytes.load(fromByteOffset: 8) as UInt32)
    let claimantCount = Int(bytes.load(fromByteOffset: 12) as UInt32)
    let nodesEnd = Self.headerByteCount + nodeCount * Node.byteCount
    try bytes.requireTable(of: nodesEnd + claimantCount * Claimant.byteCount)
    var numbers: Set<UInt64> = []
    var shared: Set<FileIdentity> = []
    var nodes: [Node] = []
    nodes.reserveCapacity(nodeCount)
    var claimantsStart = nodesEnd
    for start in stride(from: Self.headerByteCount, to: nodesEnd, by: Node.byteCount) {
      let claimantsByteCount =
        Int(bytes.load(fromByteOffset: start + 52) as UInt32) * Claimant.byteCount
      guard claimantsByteCount <= bytes.byteCount - claimantsStart else {
        throw HandoverError(.truncated)
      }
      let node = try Self.node(
        bytes.extracting(start..<start + Node.byteCount),
        bytes.extracting(claimantsStart..<claimantsStart + claimantsByteCount))
      claimantsStart += claimantsByteCount
      guard ContentNode.firstNumber...max(ContentNode.firstNumber, lastNumber) ~= node.number else {
        throw HandoverError(.malformed, number: node.number)
      }
      let isNew = node.standing != .shared || shared.insert(node.claim).inserted
      guard numbers.insert(node.number).inserted, isNew else {
        throw HandoverError(.duplicate, number: node.number)
      }
      nodes.append(node)
    }
    guard claimantsStart == bytes.byteCount else { throw HandoverError(.malformed) }
    self.nodes = nodes
  }

  private static func node(
    _ bytes: RawSpan, _ claimantBytes: RawSpan
  ) throws(HandoverError) -> Node {
    let number: UInt64 = bytes.load(fromByteOffset: 0)
    let byteCount: UInt64 = bytes.load(fromByteOffset: 8)
    var images: Set<UInt32> = []
    var claimants: [Claimant] = []
    for start in stride(from: 0, to: claimantBytes.byteCount, by: Claimant.byteCount) {
      let claimant = Claimant(
        imageIndex: claimantBytes.load(fromByteOffset: start),
        nid: claimantBytes.load(fromByteOffset: start + 8))
      guard claimantBytes.load(fromByteOffset: start + 4) == 0 as UInt32 else {
        throw HandoverError(.malformed, number: number)
      }
      guard images.insert(claimant.imageIndex).inserted else {
        throw HandoverError(.duplicate, number: number)
      }
      claimants.append(claimant)
    }
    guard byteCount > 0, !claimants.isEmpty,
      let fingerprint = Digest(bytes.extracting(16..<48).copyBytes()),
      let standing = Node.Standing(rawValue: bytes.load(fromByteOffset: 48)),
      standing != .unverified || claimants.count == 1
    else { throw HandoverError(.malformed, number: number) }
    return Node(
      number: number, claim: FileIdentity(fingerprint: fingerprint, byteCount: byteCount),
      standing: standing, claimants: claimants)
  }

  package func encoded() -> [UInt8] {
    let claimants = nodes.flatMap(\.claimants)
    var writer = ByteWriter(
      reservingCapacity: Self.headerByteCount + nodes.count * Node.byteCount
        + claimants.count * Claimant.byteCount)
    writer.append(lastNumber)
    writer.append(UInt32(nodes.count))
    writer.append(UInt32(claimants.count))
    for node in nodes {
      writer.append(node.number)
      writer.append(node.claim.byteCount)
      writer.append(node.claim.fingerprint.bytes)
      writer.append(node.standing.rawValue)
      writer.append(UInt32(node.claimants.count))
    }
    for claimant in claimants {
      writer.append(claimant.imageIndex)
      writer.append(0 as UInt32)
      writer.append(claimant.nid)
    }
    return writer.bytes
  }
}
