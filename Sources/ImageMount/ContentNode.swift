internal import Bytes
internal import EROFSReader
internal import FUSEProtocol
internal import Linux
internal import PageTier
internal import Synchronization

/// A file of the content mount: what the mounts of images that have it read in place of their own.
///
/// Private to one file of one image until that was verified; from then on nothing is read through
/// it that was not checked, and other images may be behind it too. It can be read as long as there
/// is one of them. Thread-safe.
@safe
final class ContentNode: @unchecked Sendable {
  /// A file of an image that is behind the node: three words, for there are as many as files.
  struct Claimant: Sendable {
    let image: PagedImage
    let nid: UInt64
    /// Kept here, for the verified file goes with the last that knows it; nil of a node that another
    /// process had, before anybody asked here.
    var file: FilePages?
  }

  /// The root has the one before.
  static let firstNumber: UInt64 = 2

  let id: NodeID
  /// What the images behind it claim the file to be.
  let claim: FileIdentity
  /// Guarded by one of ``locks``.
  private nonisolated(unsafe) var claimants: [Claimant]
  private let verified: Atomic<Bool>

  /// A lock for each node would be larger than the node.
  private static let locks = LockArray(count: 64)

  init(_ id: NodeID, of claimants: [Claimant], claim: FileIdentity, isVerified: Bool) {
    self.id = id
    self.claim = claim
    unsafe self.claimants = claimants
    verified = Atomic(isVerified)
  }

  private func withClaimants<Result>(_ body: (inout [Claimant]) -> Result) -> Result {
    let lock = Int(id.rawValue % 64)
    Self.locks.lock(lock)
    defer { Self.locks.unlock(lock) }
    return unsafe body(&claimants)
  }

  var byteCount: UInt64 { claim.byteCount }

  /// The name under which the content mount knows the node.
  var name: String { String(id.rawValue, radix: 16) }

  var isVerified: Bool { verified.load(ordering: .acquiring) }

  /// Nothing unchecked is read from now on; what was read before must be forgotten by the kernel.
  func becomeVerified() {
    verified.store(true, ordering: .sequentiallyConsistent)
    for claimant in withClaimants({ $0 }) { claimant.file?.forgetLoads() }
  }

  /// The verified file that the first image behind the node is taken for.
  var identity: FileIdentity? { withClaimants { $0.first }?.file?.verifiedIdentity }

  /// Adds a file of an image, unless that image is behind the node already; false when nobody is left.
  func add(_ claimant: Claimant) -> Bool {
    withClaimants { claimants in
      guard !claimants.isEmpty else { return false }
      if !claimants.contains(where: { $0.image === claimant.image }) {
        claimants.append(claimant)
      }
      return true
    }
  }

  /// The images behind the node.
  var images: [PagedImage] { withClaimants { $0.map(\.image) } }

  /// The files behind the node, in the order in which they came.
  var files: [(image: PagedImage, nid: UInt64)] {
    withClaimants { $0.map { ($0.image, $0.nid) } }
  }

  /// The files behind the node, all of which their images' domain knows from then on.
  ///
  /// Of a node that another process had that may take the time to verify one of them.
  @discardableResult
  func findPages() -> [Claimant] {
    let known = withClaimants { $0 }
    guard known.contains(where: { $0.file == nil }) else { return known }
    for claimant in known { _ = try? pages(of: claimant) }
    return withClaimants { $0 }
  }

  private func pages(of claimant: Claimant) throws(ReadError) -> FilePages {
    if let file = claimant.file { return file }
    let file = try claimant.image.pages(of: try claimant.image.image.inode(claimant.nid))
    // What was verified was what the image claimed then.
    guard file.byteCount == byteCount, !isVerified || file.firstClaim == claim else {
      throw .source(SourceError(.stale, "the image changed while it was handed over"))
    }
    return withClaimants { claimants in
      guard let index = claimants.firstIndex(where: { $0.image === claimant.image }) else {
        return file
      }
      let kept = claimants[index].file ?? file
      claimants[index].file = kept
      return kept
    }
  }

  /// Takes `image` away; whether others are left.
  func remove(_ image: PagedImage) -> Bool {
    // Let go with the lock free: an image that goes with it would want others.
    let (removed, isLeft) = withClaimants { claimants in
      let removed = claimants.filter { $0.image === image }
      claimants.removeAll { $0.image === image }
      return (removed, !claimants.isEmpty)
    }
    _ = removed
    return isLeft
  }

  /// Fills `target` from `offset` on, all of it within the file.
  ///
  /// What is not whole pages comes of direct I/O, and is cut out of them.
  func read(at offset: UInt64, into target: inout MutableRawSpan) throws(ReadError) {
    let pageByteCount = UInt64(PageTier.pageByteCount)
    let start = offset / pageByteCount * pageByteCount
    let end = offset + UInt64(target.byteCount)
    let wholeEnd = min(byteCount, (end + pageByteCount - 1) / pageByteCount * pageByteCount)
    guard start != offset || wholeEnd != end else {
      return try readPages(at: offset, into: &target)
    }
    var pages = [UInt8](repeating: 0, count: Int(wholeEnd - start))
    do {
      var span = pages.mutableRawSpan
      try readPages(at: start, into: &span)
    }
    target.copy(pages.rawSpan.extracting(Int(offset - start)..<Int(end - start)))
  }

  private func readPages(
    at offset: UInt64, into target: inout MutableRawSpan
  ) throws(ReadError) {
    var failure: ReadError?
    for claimant in findPages() {
      do throws(ReadError) {
        if try read(at: offset, into: &target, from: claimant) { return }
      } catch {
        // Another may have what this one cannot get.
        failure = error
      }
    }
    throw failure ?? .source(SourceError(.ioError, "no image has what it claims to have"))
  }

  private func read(
    at offset: UInt64, into target: inout MutableRawSpan, from claimant: Claimant
  ) throws(ReadError) -> Bool {
    let file = try pages(of: claimant)
    guard isVerified else {
      try file.read(at: offset, into: &target) { (part, offset) throws(ReadError) in
        try claimant.image.load(claimant.nid, at: offset, into: &part)
      }
      return true
    }
    return try file.readVerified(at: offset, into: &target) {
      (part, offset) throws(ReadError) in
      try claimant.image.load(claimant.nid, at: offset, into: &part)
    }
  }
}
