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
    /// Kept here, for the verified file goes with the last that knows it.
    let file: FilePages
  }

  let id: NodeID
  /// What the images behind it claim the file to be.
  let claim: FileIdentity
  /// Guarded by one of ``locks``.
  private nonisolated(unsafe) var claimants: [Claimant]
  private let verified: Atomic<Bool>

  /// A lock for each node would be larger than the node.
  private static let locks = LockArray(count: 64)

  init(_ id: NodeID, of claimant: Claimant, claim: FileIdentity, isVerified: Bool) {
    self.id = id
    self.claim = claim
    unsafe claimants = [claimant]
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
    for claimant in withClaimants({ $0 }) { claimant.file.forgetLoads() }
  }

  /// The verified file that the first image behind the node is taken for.
  var identity: FileIdentity? { withClaimants { $0.first }?.file.verifiedIdentity }

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
    for claimant in withClaimants({ $0 }) {
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
    guard isVerified else {
      try claimant.file.read(at: offset, into: &target) { (part, offset) throws(ReadError) in
        try claimant.image.load(claimant.nid, at: offset, into: &part)
      }
      return true
    }
    return try claimant.file.readVerified(at: offset, into: &target) {
      (part, offset) throws(ReadError) in
      try claimant.image.load(claimant.nid, at: offset, into: &part)
    }
  }
}
