internal import Bytes
internal import Linux
internal import Synchronization

/// The pages of one file of one image: its own until it is known which verified file it is.
///
/// A read is served from the tier as far as it goes; the caller loads the rest from the image. Pages
/// of a verified file that the image supplies are checked before others may see them: an image whose
/// bytes are not those of the file that it claims is on its own from then on, and its pages are not
/// kept. Thread-safe; a read of what is here takes no lock.
@safe
package final class FilePages: @unchecked Sendable {
  /// Whether what the tier has may be read as the file's.
  private enum Standing: UInt8, AtomicRepresentable {
    case trusted
    /// It is taken for another because of what was remembered, and none of its own pages was seen.
    case doubtful
    /// It is not what it was taken for.
    case refuted
  }

  package let byteCount: UInt64
  let own: TierFile
  let supplier: (any PageSupplier)?
  let volume: TierVolume
  /// Where it is remembered what the file holds; nil when nowhere.
  private let remembered: RememberedFile?
  /// Whether it is the memory that claims, which may be wrong without anybody's lying.
  private let isClaimRemembered: Bool
  private let domain: SharingDomain
  /// Whether the images of the domain share a copy of the pages above, so that a first one here would
  /// be a second.
  let isCachedAbove: Bool
  /// A retained ``SharedFile``, set once.
  private let shared = unsafe Atomic<UnsafeRawPointer?>(nil)
  private let standing = Atomic(Standing.trusted)
  /// Bytes that were loaded; more than the file has when some were loaded again.
  private let loadedByteCount = Atomic<UInt64>(0)
  /// What ``loadedByteCount`` has to be for the domain to be told that all of the file was loaded.
  private let tellingByteCount: Atomic<UInt64>
  /// When the store was last told of a use that was served from here, in monotonic nanoseconds.
  private let lastNote = Atomic<UInt64>(0)
  /// What the file was taken for when it was made; nil when nobody said anything.
  package let firstClaim: FileIdentity?
  /// The identity under which the domain knows the file; guarded by the domain's lock.
  nonisolated(unsafe) var claim: FileIdentity?

  /// A file of `byteCount` bytes, at least 1; `claim` is what its image says it is.
  ///
  /// Where that says nothing, `remembered` is asked.
  init(
    byteCount: UInt64, claim: Digest?, volume: TierVolume, domain: SharingDomain,
    supplier: (any PageSupplier)?, remembered: RememberedFile?, isCachedAbove: Bool
  ) {
    self.isCachedAbove = isCachedAbove
    let known =
      claim
      ?? remembered?.memory.fingerprint(ofFile: remembered?.number ?? 0, byteCount: byteCount)
    self.remembered = remembered
    isClaimRemembered = claim == nil && known != nil
    self.supplier = supplier
    self.byteCount = byteCount
    tellingByteCount = Atomic(byteCount)
    self.volume = volume
    self.domain = domain
    own = domain.tier.makeFile(byteCount: byteCount, volume: volume)
    firstClaim = known.map { FileIdentity(fingerprint: $0, byteCount: byteCount) }
    unsafe self.claim = firstClaim
  }

  deinit {
    domain.forget(self)
    if let verified {
      // The pages stay for others; who leaves is not charged for what they bring in.
      let heir = domain.claimants(of: verified.identity).first { other in
        other.volume !== volume && other.verified != nil
      }
      domain.tier.changeOwner(of: verified.file, from: volume, to: heir?.volume)
    }
    if verified?.file !== own { domain.tier.remove(own) }
    if let pointer = unsafe shared.load(ordering: .relaxed) {
      unsafe Unmanaged<SharedFile>.fromOpaque(pointer).release()
    }
  }

  /// The verified file that this is taken for; nil while that is not known.
  private var verified: SharedFile? {
    guard let pointer = unsafe shared.load(ordering: .acquiring) else { return nil }
    return unsafe Unmanaged<SharedFile>.fromOpaque(pointer).takeUnretainedValue()
  }

  /// Makes this one of the files that are `file`, unless it is one already.
  ///
  /// Its own pages go, unless they are those of `file`.
  func attach(to file: SharedFile) {
    if isClaimRemembered, own !== file.file {
      switch looksLike(file) {
      case true: break
      case nil: standing.store(.doubtful, ordering: .relaxed)
      case false:
        remember(nil)
        domain.disown(self)
        return
      }
    }
    domain.tier.changeOwner(of: file.file, from: nil, to: volume)
    let pointer = unsafe UnsafeRawPointer(Unmanaged.passRetained(file).toOpaque())
    let (done, _) = unsafe shared.compareExchange(
      expected: nil, desired: pointer, ordering: .acquiringAndReleasing)
    if done {
      if own !== file.file { domain.tier.remove(own) }
    } else {
      unsafe Unmanaged<SharedFile>.fromOpaque(pointer).release()
    }
  }

  /// Tells who remembers that the file is `identity`, or nil when it is not what was remembered.
  func remember(_ identity: FileIdentity?) {
    guard let remembered else { return }
    remembered.memory.note(
      identity?.fingerprint, ofFile: remembered.number, byteCount: byteCount)
  }

  /// Takes note that what was remembered of the file is wrong, and that it is `identity`.
  func correct(_ identity: FileIdentity) {
    if isClaimRemembered { remember(identity) }
  }

  /// Pages of a file that are looked at before what is remembered of it is believed.
  private static let probeCount: UInt64 = 4

  /// Whether pages of the file are those of `file`; nil when none is here or stored.
  ///
  /// A memory that is wrong must not show the file's readers another one. Fetches nothing.
  private func looksLike(_ file: SharedFile) -> Bool? {
    let pageByteCount = UInt64(PageTier.pageByteCount)
    let last = (byteCount - 1) / pageByteCount
    var buffer = [UInt8](repeating: 0, count: PageTier.pageByteCount)
    var isSeen: Bool?
    for step in 0..<Self.probeCount {
      let index = last * step / (Self.probeCount - 1)
      let offset = index * pageByteCount
      let length = Int(min(pageByteCount, byteCount - offset))
      var span = buffer.mutableRawSpan
      var page = span[bytes: 0..<length]
      let isThere =
        domain.tier.peek(own, at: offset, into: &page) == length
        || supplier?.supply(into: &page, at: offset) == true
      guard isThere else { continue }
      guard file.digests.matches(page.bytes, at: Int(index)) else { return false }
      isSeen = true
    }
    return isSeen
  }

  /// Reads `target.byteCount` bytes from `offset` on, all of which the file has.
  ///
  /// `load` reads from the image what the tier does not have: a part of the target, and the offset
  /// at which it lies. For a file that was refuted that is all of it.
  package func read<Failure: Error>(
    at offset: UInt64, into target: inout MutableRawSpan,
    load: (inout MutableRawSpan, UInt64) throws(Failure) -> Void
  ) throws(Failure) {
    let end = offset + UInt64(target.byteCount)
    var position = offset
    while position < end {
      let shared = verified
      let file = shared?.file ?? own
      let filled = Int(position - offset)
      guard standing.load(ordering: .relaxed) == .trusted else {
        var rest = target[bytes: filled..<target.byteCount]
        return try readAlone(at: position, into: &rest, shared, load)
      }
      do {
        var rest = target[bytes: filled..<target.byteCount]
        position += UInt64(domain.tier.read(file, at: position, into: &rest, by: volume))
      }
      guard position < end else { return noteUse(from: offset, to: end) }
      let start = Int(position - offset)
      let count = domain.tier.missingByteCount(in: file, from: position, to: end)
      var part = target[bytes: start..<start + count]
      if let shared, supply(&part, at: position, of: shared) {
        keepVerified(part.bytes, at: position, of: shared)
      } else {
        try load(&part, position)
        keep(part.bytes, at: position, of: shared)
      }
      position += UInt64(count)
    }
  }

  /// The verified file that this is taken for; nil while it is not known to be one.
  package var verifiedIdentity: FileIdentity? {
    standing.load(ordering: .relaxed) == .trusted ? verified?.identity : nil
  }

  /// As ``read(at:into:load:)``, but of the verified file alone; false if not all of it could be had.
  ///
  /// Where nobody has verified the file yet, all of it is loaded for that. The range starts with a page
  /// and ends with one, or with the file: others cannot be checked.
  package func readVerified<Failure: Error>(
    at offset: UInt64, into target: inout MutableRawSpan,
    load: (inout MutableRawSpan, UInt64) throws(Failure) -> Void
  ) throws(Failure) -> Bool {
    if verified == nil { try domain.verify(self, load) }
    // It may have turned out to be another than it was taken for.
    guard let shared = verified, shared.identity == firstClaim,
      coversPages(from: offset, byteCount: target.byteCount)
    else { return false }
    let filled = domain.tier.read(shared.file, at: offset, into: &target, by: volume)
    guard filled < target.byteCount else { return true }
    // What is here was read a page at a time, so the rest starts with one.
    let position = offset + UInt64(filled)
    var rest = target[bytes: filled..<target.byteCount]
    if !supply(&rest, at: position, of: shared) {
      guard standing.load(ordering: .relaxed) != .refuted else { return false }
      try load(&rest, position)
      guard areGenuine(rest.bytes, at: position, of: shared) else {
        refute()
        return false
      }
    }
    keepVerified(rest.bytes, at: position, of: shared)
    return true
  }

  private func coversPages(from offset: UInt64, byteCount count: Int) -> Bool {
    let pageByteCount = UInt64(PageTier.pageByteCount)
    let end = offset + UInt64(count)
    return offset % pageByteCount == 0 && (end % pageByteCount == 0 || end == byteCount)
  }

  /// Reads from the image alone, and finds out whether the file is `shared` if that is in doubt.
  private func readAlone<Failure: Error>(
    at offset: UInt64, into target: inout MutableRawSpan, _ shared: SharedFile?,
    _ load: (inout MutableRawSpan, UInt64) throws(Failure) -> Void
  ) throws(Failure) {
    try load(&target, offset)
    guard let shared, standing.load(ordering: .relaxed) == .doubtful else { return }
    guard areGenuine(target.bytes, at: offset, of: shared) else { return refute() }
    keepVerified(target.bytes, at: offset, of: shared)
    // What is less than a page proves nothing.
    let pageByteCount = UInt64(PageTier.pageByteCount)
    let end = offset + UInt64(target.byteCount)
    let start = (offset + pageByteCount - 1) / pageByteCount * pageByteCount
    if start + pageByteCount <= end || end == byteCount && start < end {
      _ = standing.compareExchange(
        expected: .doubtful, desired: .trusted, ordering: .relaxed)
    }
  }

  /// What is hot here must not turn cold on disk, but telling it costs more than the hit itself.
  private static let noteInterval: UInt64 = 10_000_000_000

  private func noteUse(from offset: UInt64, to end: UInt64) {
    guard let supplier else { return }
    let now = MonotonicClock.now
    let last = lastNote.load(ordering: .relaxed)
    guard now &- last >= Self.noteInterval,
      lastNote.compareExchange(expected: last, desired: now, ordering: .relaxed).exchanged
    else { return }
    supplier.noteUse(from: offset, byteCount: end - offset)
  }

  /// Fills `target` with pages of `shared` from an image that has them at hand, this one first.
  private func supply(
    _ target: inout MutableRawSpan, at offset: UInt64, of shared: SharedFile
  ) -> Bool {
    guard coversPages(from: offset, byteCount: target.byteCount) else { return false }
    if supplier?.supply(into: &target, at: offset) == true,
      areGenuine(target.bytes, at: offset, of: shared)
    {
      return true
    }
    let others = domain.claimants(of: shared.identity).filter { $0 !== self }
    for other in others.prefix(Self.askedCountMax) {
      guard other.supplier?.supply(into: &target, at: offset) == true else { continue }
      if areGenuine(target.bytes, at: offset, of: shared) { return true }
      other.refute()
    }
    return false
  }

  /// Other images that are asked for a page before it is fetched.
  private static let askedCountMax = 4

  /// Takes the file for another than it claims to be, from now on.
  private func refute() {
    if isClaimRemembered { remember(nil) }
    // One that is not read from another's pages has its own, whatever was remembered of it.
    if !isClaimRemembered || verified != nil { standing.store(.refuted, ordering: .relaxed) }
    domain.disown(self)
  }

  /// Keeps what was loaded of the image, at `offset`; `shared` is what the file was taken for.
  private func keep(_ bytes: RawSpan, at offset: UInt64, of shared: SharedFile?) {
    if let shared {
      guard areGenuine(bytes, at: offset, of: shared) else {
        refute()
        return
      }
      return keepVerified(bytes, at: offset, of: shared)
    }
    if admits(bytes.byteCount) { domain.tier.insert(bytes, into: own, at: offset) }
    let loaded = loadedByteCount.load(ordering: .relaxed)
    let telling = tellingByteCount.load(ordering: .relaxed)
    if loaded >= telling,
      tellingByteCount.compareExchange(
        expected: telling, desired: .max, ordering: .relaxed
      ).exchanged
    {
      domain.complete(self)
    }
  }

  /// Keeps pages that are those of `shared`, at `offset`.
  private func keepVerified(_ bytes: RawSpan, at offset: UInt64, of shared: SharedFile) {
    guard admits(bytes.byteCount) else { return }
    domain.tier.insert(bytes, into: shared.file, at: offset, isVerified: true)
  }

  /// Counts `byteCount` bytes as loaded; whether to keep them.
  private func admits(_ byteCount: Int) -> Bool {
    let loaded = loadedByteCount.add(UInt64(byteCount), ordering: .relaxed)
    return domain.keepsFirstReads && !isCachedAbove || loaded.oldValue >= self.byteCount
  }

  /// Hears that the copy above was dropped: what is loaded next is loaded for the first time.
  package func forgetLoads() {
    loadedByteCount.store(0, ordering: .relaxed)
  }

  /// Hears that the domain found pages missing: it is told again when as much was loaded as is.
  func expectMore() {
    let missing = byteCount - min(byteCount, UInt64(domain.tier.heldByteCount(of: own)))
    tellingByteCount.store(
      loadedByteCount.load(ordering: .relaxed) + max(1, missing), ordering: .relaxed)
  }

  /// Whether all whole pages of `bytes` are those of `shared`.
  private func areGenuine(_ bytes: RawSpan, at offset: UInt64, of shared: SharedFile) -> Bool {
    let pageByteCount = UInt64(PageTier.pageByteCount)
    let end = offset + UInt64(bytes.byteCount)
    var index = (offset + pageByteCount - 1) / pageByteCount
    while index * pageByteCount < end {
      let start = index * pageByteCount
      let length = min(pageByteCount, byteCount - start)
      // Nothing is kept of a page that was not read to its end.
      guard start + length <= end else { break }
      let page = bytes.extracting(Int(start - offset)..<Int(start + length - offset))
      guard shared.digests.matches(page, at: Int(index)) else { return false }
      index += 1
    }
    return true
  }
}
