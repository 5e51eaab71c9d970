package import Bytes
internal import Codecs
internal import Linux
internal import Synchronization

/// Images that may share files, and which of their files are the same.
///
/// Fingerprints are claims. Two files that claim one are taken for the same only when the pages of
/// one of them, all of which were on this machine, proved to have it; from then on both are read from
/// those pages, and a page that is loaded anew is checked. An image that lies sees what it claims, and
/// nobody else sees what it holds.
package final class SharingDomain: Sendable {
  /// Files up to this are verified by the reader who would profit, longer ones by a thread: hashing
  /// takes no longer than reading and decoding would.
  private static let inlineByteCountMax: UInt64 = 1 << 20
  /// Files up to this are hashed: a few hundred thousand digests, and some seconds.
  private static let measuredByteCountMax: UInt64 = 1 << 30
  /// Files that are known to make one claim; more may share, but none is asked for its pages.
  private static let claimantCountMax = 64
  /// Verified files that are remembered.
  private static let sharedFileCountMax = 1 << 18
  /// What is hashed at a time.
  private static let chunkByteCount = 128 << 10

  /// A file that may be going.
  ///
  /// A strong reference to one is never dropped with the lock held: it could be the last, and the
  /// file would want the lock to be forgotten.
  private struct WeakFile {
    let identifier: ObjectIdentifier
    weak var file: FilePages?

    init(_ file: FilePages) {
      identifier = ObjectIdentifier(file)
      self.file = file
    }
  }

  private struct Claimants {
    var files: [WeakFile] = []
    var shared: SharedFile?
    var isBeingVerified = false

    /// Whether nothing is known that would be worth remembering.
    var isEmpty: Bool { files.isEmpty && shared == nil && !isBeingVerified }
  }

  /// Files of which nothing is claimed, while there is nobody to share them with.
  private struct Loneliness {
    /// Files that are remembered: as many as images do.
    static let fileCountMax = 1 << 17

    var volumes: [WeakVolume] = []
    var files: [WeakFile] = []
  }

  private struct WeakVolume {
    weak var volume: TierVolume?
  }

  /// When pages are worth their memory here, beside the kernel's copy above.
  package enum Admission: Sendable {
    /// From the first time that they are loaded.
    case always
    /// While there are two images, of which one may want what the other has; of a lone image from
    /// the second time through a file, when the kernel did not keep them.
    case whenWanted
  }

  package let tier: PageTier
  private let admission: Admission
  /// Whether there is a second image; changed with the lock of ``loneliness`` held.
  private let hasCompany = Atomic(false)
  private let loneliness = Lock(Loneliness())
  private let domain: TierDomain
  private let claims = Lock<[FileIdentity: Claimants]>([:])
  private let work: WorkQueue
  private let limit: Lock<Int?>

  /// A domain on `tier`, charged for at most `byteCountMax`; nil when there are thousands.
  ///
  /// Files of which `work` hears are hashed by its thread.
  package init?(
    tier: PageTier, byteCountMax: Int? = nil, admission: Admission = .always, work: WorkQueue
  ) {
    guard let domain = tier.makeDomain(byteCountMax: byteCountMax) else { return nil }
    self.tier = tier
    self.admission = admission
    self.domain = domain
    self.work = work
    limit = Lock(byteCountMax)
  }

  /// A volume of the domain; nil when there are thousands.
  package func makeVolume(byteCountMax: Int? = nil) -> TierVolume? {
    guard let made = tier.makeVolume(in: domain, byteCountMax: byteCountMax) else { return nil }
    // Whatever is strong in here is let go only when the lock is free.
    let (others, files) = loneliness.withLock { state -> ([TierVolume], [WeakFile]) in
      let others = state.volumes.compactMap(\.volume)
      state.volumes = (others + [made]).map { WeakVolume(volume: $0) }
      hasCompany.store(!others.isEmpty, ordering: .relaxed)
      guard !others.isEmpty else { return (others, []) }
      defer { state.files = [] }
      return (others, state.files)
    }
    if !others.isEmpty, !files.isEmpty {
      work.add { for file in files.lazy.compactMap(\.file) { self.index(file) } }
    }
    return made
  }

  /// A file of an image, of `byteCount` bytes, at least 1, whose fingerprint is `claim` if the image
  /// is to be believed.
  ///
  /// `supplier` has what of the file is stored on this machine; `remembered` is asked for a claim
  /// when the image has none, and told what was found out. With `isCachedAbove` the images of the
  /// domain share a cache of their own above this one, which must know now whether the file is another:
  /// that may take the time to hash it.
  package func makeFile(
    byteCount: UInt64, claim: Digest?, volume: TierVolume, supplier: (any PageSupplier)? = nil,
    remembered: RememberedFile? = nil, isCachedAbove: Bool = false
  ) -> FilePages {
    let known = claim.map { kept($0, byteCount: byteCount) }
    let file = FilePages(
      byteCount: byteCount, claim: known, volume: volume, domain: self, supplier: supplier,
      remembered: remembered, isCachedAbove: isCachedAbove)
    // Nobody else knows the file yet.
    if let claim = unsafe file.claim, tier.options.sharesFiles { register(file, as: claim) }
    return file
  }

  /// The copy of `fingerprint` that is in memory already, if there is one.
  private func kept(_ fingerprint: Digest, byteCount: UInt64) -> Digest {
    let identity = FileIdentity(fingerprint: fingerprint, byteCount: byteCount)
    return claims.withLock { table in
      table.index(forKey: identity).map { table[$0].key.fingerprint } ?? fingerprint
    }
  }

  /// Whether what is loaded for the first time is kept.
  var keepsFirstReads: Bool { admission == .always || hasCompany.load(ordering: .relaxed) }

  /// Lets the domain be charged for at most `byteCountMax` bytes from now on; nil for any number.
  ///
  /// What is beyond that goes at once, but for what is being read.
  package func setLimit(_ byteCountMax: Int?) {
    limit.withLock { $0 = byteCountMax }
    tier.setLimit(byteCountMax, of: domain)
  }

  /// The most bytes that the domain is charged for; nil for any number.
  package var byteCountMax: Int? { limit.withLock { $0 } }

  /// Images that are open.
  package var volumeCount: Int {
    // What is strong in here is let go only when the lock is free.
    loneliness.withLock { $0.volumes.compactMap(\.volume) }.count
  }

  /// Bytes of pages that the domain is charged for.
  package var chargedByteCount: Int { tier.chargedByteCount(of: domain) }

  /// What more would be held if each file that is known to be another had pages of its own.
  ///
  /// O(shared files and their pages).
  package var savedByteCount: Int {
    let shared = claims.withLock { table in
      table.values.compactMap { claimants in
        claimants.shared.map { (file: $0, count: claimants.files.count) }
      }
    }
    return shared.reduce(0) { sum, entry in
      entry.count > 1 ? sum + (entry.count - 1) * tier.heldByteCount(of: entry.file.file) : sum
    }
  }

  /// The files that claim to be `identity`.
  func claimants(of identity: FileIdentity) -> [FilePages] {
    claims.withLock { table in table[identity]?.files.compactMap(\.file) ?? [] }
  }

  private func register(_ file: FilePages, as identity: FileIdentity) {
    let (shared, others) = claims.withLock { table -> (SharedFile?, [FilePages]) in
      var claimants = table[identity] ?? Claimants()
      let others = claimants.files.compactMap(\.file)
      if claimants.files.count < Self.claimantCountMax { claimants.files.append(WeakFile(file)) }
      table[identity] = claimants
      return (claimants.shared, others)
    }
    if let shared {
      file.attach(to: shared)
    } else if !others.isEmpty {
      let best = others.first { tier.isComplete($0.own) } ?? others[0]
      guard file.isCachedAbove else { return verify(best) }
      for candidate in [best] + others.filter({ $0 !== best }).prefix(2) + [file] {
        verifyNow(candidate)
        if file.verifiedIdentity != nil { return }
      }
    }
  }

  /// Hears that all of `file` was put in, at least once.
  func complete(_ file: FilePages) {
    guard tier.options.sharesFiles else { return }
    let (claim, hasRival) = claims.withLock { table -> (FileIdentity?, Bool) in
      let claim = unsafe file.claim
      return (claim, claim.flatMap { table[$0]?.files.count } ?? 0 > 1)
    }
    if claim == nil {
      let isAlone = loneliness.withLock { state in
        guard !hasCompany.load(ordering: .relaxed) else { return false }
        if state.files.count < Loneliness.fileCountMax { state.files.append(WeakFile(file)) }
        return true
      }
      if !isAlone { work.add { self.index(file) } }
    } else if hasRival {
      verify(file)
    }
  }

  /// Hears that `file` is not what it claims to be: it is no longer asked for its pages.
  func disown(_ file: FilePages) {
    claims.withLock { table in
      guard let claim = unsafe file.claim else { return }
      unsafe file.claim = nil
      guard var claimants = table[claim] else { return }
      claimants.files.removeAll { $0.identifier == ObjectIdentifier(file) }
      table[claim] = claimants.isEmpty ? nil : claimants
    }
  }

  /// Forgets `file`, which is going; what was verified stays for the next image.
  func forget(_ file: FilePages) {
    // Dropped only after the lock is free, for its pages go with it.
    let dropped = claims.withLock { table -> SharedFile? in
      guard let claim = unsafe file.claim, var claimants = table[claim] else { return nil }
      claimants.files.removeAll { $0.identifier == ObjectIdentifier(file) }
      let isWanted =
        !claimants.files.isEmpty
        || claimants.shared != nil && table.count < Self.sharedFileCountMax
      table[claim] = isWanted ? claimants : nil
      return isWanted ? nil : claimants.shared
    }
    _ = dropped
  }

  /// Verifies `file`, now or soon, if nobody does.
  private func verify(_ file: FilePages) {
    guard file.byteCount > Self.inlineByteCountMax else { return verifyNow(file) }
    work.add { self.verifyNow(file) }
  }

  private func verifyNow(_ file: FilePages) {
    guard let identity = startVerifying(file) else { return }
    verify(file, as: identity) { file.supplier?.supply(into: &$0, at: $1) == true }
  }

  /// Finds out whether `file` is what it claims to be, if nobody has, from what is here or else from what
  /// `load` reads; waits for whoever is at it, and leaves it at that.
  func verify<Failure: Error>(
    _ file: FilePages, _ load: (inout MutableRawSpan, UInt64) throws(Failure) -> Void
  ) throws(Failure) {
    var mine: FileIdentity?
    var hasWaited = false
    let shared =
      claims.wait { table -> SharedFile?? in
        guard let claim = unsafe file.claim, let claimants = table[claim] else { return .some(nil) }
        if claimants.isBeingVerified {
          hasWaited = true
          return nil
        }
        // What the other could not read need not be asked for again by all that waited.
        if !hasWaited { mine = Self.startVerifying(file, &table) }
        return .some(claimants.shared)
      } ?? nil
    if let shared { file.attach(to: shared) }
    guard let mine else { return }
    var failure: Failure?
    verify(file, as: mine) { (part, offset) in
      do throws(Failure) {
        try load(&part, offset)
        return true
      } catch {
        failure = error
        return false
      }
    }
    if let failure { throw failure }
    // Where many claim the same, this one may not be among those that are told.
    if file.verifiedIdentity == nil, let shared = claims.withLock({ $0[mine]?.shared }) {
      file.attach(to: shared)
    }
  }

  /// Finds out whether `file` is `identity`, from what is here or else from what `read` reads.
  private func verify(
    _ file: FilePages, as identity: FileIdentity, _ read: (inout MutableRawSpan, UInt64) -> Bool
  ) {
    var measured = measurePages(of: file)
    // Under the name that is in memory already, not an equal one.
    if measured?.identity == identity, let measured {
      return publish((identity, measured.digests), of: file.own)
    }
    tier.setSealed(file.own, false)
    if let identity = measured?.identity { file.correct(identity) }
    if measured == nil {
      // Not all of it is in memory, but what is stored may be enough; none of that is kept.
      measured = measure(file, read)
      if measured?.identity == identity, let measured {
        let made = tier.makeFile(byteCount: file.byteCount, volume: file.volume)
        tier.setSealed(made, true)
        return publish((identity, measured.digests), of: made)
      }
      if let identity = measured?.identity { file.correct(identity) }
    }
    claims.withLock { table in
      table[identity]?.isBeingVerified = false
      // A liar is not asked again.
      guard measured != nil, var claimants = table[identity] else { return }
      claimants.files.removeAll { $0.identifier == ObjectIdentifier(file) }
      table[identity] = claimants.isEmpty ? nil : claimants
      unsafe file.claim = nil
    }
    claims.signalAll()
  }

  private func startVerifying(_ file: FilePages) -> FileIdentity? {
    claims.withLock { Self.startVerifying(file, &$0) }
  }

  private static func startVerifying(
    _ file: FilePages, _ table: inout [FileIdentity: Claimants]
  ) -> FileIdentity? {
    guard let claim = unsafe file.claim, let claimants = table[claim],
      claimants.shared == nil, !claimants.isBeingVerified, file.byteCount <= measuredByteCountMax
    else { return nil }
    table[claim]?.isBeingVerified = true
    return claim
  }

  /// Finds out what `file`, of which nothing is claimed, is.
  private func index(_ file: FilePages) {
    guard file.byteCount <= Self.measuredByteCountMax else { return }
    guard let measured = measurePages(of: file) else {
      tier.setSealed(file.own, false)
      return file.expectMore()
    }
    // Known and shared at once: nobody is to verify it, and perhaps unseal it, in between.
    publish(measured, of: file.own, claiming: file)
    file.remember(measured.identity)
  }

  private typealias Measured = (identity: FileIdentity, digests: PageDigests)

  /// What the pages of `file` add up to; nil unless all are here.
  ///
  /// Seals the file: what the image supplies after it was looked at does not count.
  private func measurePages(of file: FilePages) -> Measured? {
    tier.setSealed(file.own, true)
    guard tier.isComplete(file.own) else { return nil }
    return measure(file) { (part, offset) in
      tier.peek(file.own, at: offset, into: &part) == part.byteCount
    }
  }

  /// What `read` reads adds up to, from the first to the last byte of `file`; nil if it fails.
  private func measure(
    _ file: FilePages, _ read: (inout MutableRawSpan, UInt64) -> Bool
  ) -> Measured? {
    var hash = SHA256()
    var digests = PageDigests(
      pageCount: Int(file.byteCount.dividedRoundingUp(by: UInt64(PageTier.pageByteCount))))
    var buffer = [UInt8](repeating: 0, count: Self.chunkByteCount)
    var offset: UInt64 = 0
    while offset < file.byteCount {
      let length = Int(min(UInt64(Self.chunkByteCount), file.byteCount - offset))
      do {
        var span = buffer.mutableRawSpan
        var part = span[bytes: 0..<length]
        guard read(&part, offset) else { return nil }
      }
      let bytes = buffer.rawSpan.extracting(0..<length)
      hash.update(bytes)
      for start in stride(from: 0, to: length, by: PageTier.pageByteCount) {
        let end = min(start + PageTier.pageByteCount, length)
        digests.append(bytes.extracting(start..<end))
      }
      offset += UInt64(length)
    }
    let identity = FileIdentity(fingerprint: hash.finish(), byteCount: file.byteCount)
    return (identity, digests)
  }

  /// Makes the pages of `file` those of all files that claim to be what was measured.
  ///
  /// `claimant` is taken for one of them from now on.
  private func publish(
    _ measured: Measured, of file: TierFile, claiming claimant: FilePages? = nil
  ) {
    let identity = measured.identity
    let made = SharedFile(
      identity: identity, file: file, digests: measured.digests, tier: tier)
    let (shared, files) = claims.withLock { table -> (SharedFile, [FilePages]) in
      var claimants = table[identity] ?? Claimants()
      if let claimant {
        unsafe claimant.claim = identity
        claimants.files.append(WeakFile(claimant))
      }
      let shared = claimants.shared ?? made
      claimants.shared = shared
      claimants.isBeingVerified = false
      table[identity] = claimants
      return (shared, claimants.files.compactMap(\.file))
    }
    claims.signalAll()
    for claimant in files { claimant.attach(to: shared) }
  }
}
