internal import Bytes
internal import EROFS
package import EROFSReader

/// A check of all that an image consists of: every structure, and all data that is compressed.
///
/// Goes on after a fault wherever anything can still be said. Whatever the image claims, the check
/// ends: its work is bounded by the bytes that the image has. Memory: about 100 bytes for each
/// inode, directory and piece of compressed data, and some 25 MiB. Not thread-safe.
package final class ImageChecker {
  /// What was looked at.
  package struct Summary: Encodable, Hashable, Sendable {
    package var inodes = 0
    package var directories = 0
    package var entries = 0
    package var extents = 0
    /// Bytes of compressed content that were decoded.
    package var decodedBytes: UInt64 = 0
    /// Fingerprints compared.
    package var fingerprints = 0
    package var faults = 0

    /// Nothing was looked at yet.
    package init() {}
  }

  /// Faults of one directory or file after which the rest of it is not looked at.
  static let faultLimitPerFile = 100

  let image: Image
  let verifiesFingerprints: Bool
  let report: (Fault) -> Void
  var summary = Summary()
  var tree = DirectoryTree()
  var clusters = StoredClusters()
  /// Inode to how many names it says it has, and how many were found.
  var names: [UInt64: (declared: UInt32, found: UInt32)] = [:]
  /// Entries and extents that may still be looked at; no valid image has more.
  var remainingWork: UInt64
  var buffer: [UInt8] = []

  /// A check that gives each fault to `report`; with `verifiesFingerprints` it reads every file
  /// that has one.
  package init(
    _ image: Image, verifiesFingerprints: Bool, report: @escaping (Fault) -> Void
  ) {
    self.image = image
    self.verifiesFingerprints = verifiesFingerprints
    self.report = report
    // An entry takes 13 bytes and an index 14 bits, but directories and the metabox may be
    // compressed. No source has the bytes of the bound on these.
    remainingWork = min(image.primaryByteCount, 1 << 56) * 8 + 1 << 20
  }

  /// What an image that does not open has: one fault, or an error when it could not be fetched.
  package static func fault(of error: ReadError) throws(SourceError) -> Fault {
    switch error {
    case .source(let error): throw error
    case .format(let error):
      let kind = Self.kind(of: error, otherwise: .superblock)
      return Fault(
        kind: kind, address: MetadataAddress(space: .image, offset: UInt64(Superblock.offset)),
        message: "\(error)")
    }
  }

  /// Looks at everything; throws only when the image cannot be fetched.
  package func run() throws(SourceError) -> Summary {
    try checkSuperblock()
    try checkSpecialInodes()
    let root = image.superblock.rootNID
    var pending: [Int] = []
    if let position = tree.add(root, called: FileName([]), in: nil) { pending.append(position) }
    try checkInode(root, at: nil)
    while let position = pending.popLast() {
      pending += try checkDirectory(at: position).reversed()
    }
    checkNames()
    checkOverlaps()
    return summary
  }

  /// Reports a fault of `kind`.
  func fault(
    _ kind: Fault.Kind, at address: MetadataAddress, nid: UInt64? = nil, path: FileName? = nil,
    _ message: String
  ) {
    summary.faults += 1
    report(Fault(kind: kind, address: address, nid: nid, path: path, message: message))
  }

  /// Reports `error`, which reading something of `kind` at `address` gave.
  private func fault(
    _ kind: Fault.Kind, at address: MetadataAddress, nid: UInt64? = nil, path: FileName? = nil,
    _ error: ReadError
  ) throws(SourceError) {
    switch error {
    case .source(let error): throw error
    case .format(let error):
      fault(Self.kind(of: error, otherwise: kind), at: address, nid: nid, path: path, "\(error)")
    }
  }

  /// What `body` gives, or nil after a report of what it threw.
  func attempt<Value>(
    _ kind: Fault.Kind, at address: MetadataAddress, nid: UInt64? = nil, path: FileName? = nil,
    _ body: () throws(ReadError) -> Value
  ) throws(SourceError) -> Value? {
    do throws(ReadError) {
      return try body()
    } catch {
      try fault(kind, at: address, nid: nid, path: path, error)
      return nil
    }
  }

  private static func kind(of error: EROFSError, otherwise kind: Fault.Kind) -> Fault.Kind {
    switch error.code {
    case .unsupported: .unsupported
    case .badDirectory: .directory
    case .badExtendedAttribute: .attribute
    case .badData: .data
    case .directoryLoop: .graph
    default: kind
    }
  }

  /// Where `nid` would be, as far as that can be said.
  func address(of nid: UInt64) -> MetadataAddress {
    (try? image.superblock.address(ofNode: nid)) ?? MetadataAddress(space: .image, offset: 0)
  }

  /// Whether another entry or extent may be looked at; reports once that there are too many.
  func canGoOn() -> Bool {
    if remainingWork > 1 {
      remainingWork -= 1
      return true
    }
    if remainingWork == 1 {
      remainingWork = 0
      fault(
        .graph, at: MetadataAddress(space: .image, offset: 0),
        "files share what they cannot share; the rest was not checked")
    }
    return false
  }
}
