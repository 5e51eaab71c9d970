internal import EROFS
internal import EROFSReader
internal import ImageMount
internal import Linux
internal import Origins
internal import PageTier

/// The file pages that an owner keeps in RAM: one tier for all its mounts, and who may share in it.
///
/// Thread-safe.
final class PageMemory: Sendable {
  /// A sixteenth of the machine's memory, but never less than helps nor more than is polite.
  private static let defaultShare = 16
  private static let defaultRange = 64 << 20...4 << 30
  /// What may be asked for: half of the memory, beyond which the machine is no longer its users'.
  private static let largestShare = 2

  /// Domains without images whose verified files are kept for the next one.
  private static let idleDomainCountMax = 64

  private struct Domain {
    let sharing: SharingDomain
    /// Nil before an image needs it, and where the kernel or the user's rights do not allow it.
    var content: SharedContent?
    /// When it was first seen without images, in monotonic nanoseconds; nil while it has some.
    var idleSince: UInt64?
  }

  let tier: PageTier
  private let work: WorkQueue
  private let watcher = Lock<PressureWatcher?>(nil)
  private let domains = Lock<[String: Domain]>([:])
  /// Nil before an image needs it; holds nil where the kernel keeps the pages for each mount alone.
  private let contentMount = Lock<ContentMount??>(nil)
  private let log: @Sendable (String) -> Void

  /// The pages of an owner that logs to `log`.
  init(log: @escaping @Sendable (String) -> Void) throws(SystemError) {
    let total = PhysicalMemory.byteCount
    let largest = max(total / Self.largestShare, Self.defaultRange.lowerBound)
    guard let tier = PageTier(TierOptions(byteCountMax: largest)) else {
      throw SystemError(call: "mmap", errno: .outOfMemory)
    }
    self.tier = tier
    work = try WorkQueue(name: "cullet-indexer")
    self.log = log
    try setBudget(nil)
  }

  /// Ends the threads that hash and watch.
  func close() {
    contentMount.withLock { $0 }??.close()
    watcher.withLock { $0.take() }?.stop()
    work.stop()
  }

  /// Makes the budget `byteCount`, or what it is by default, and less while memory is short.
  func setBudget(_ byteCount: UInt64?) throws(SystemError) {
    let usual = PhysicalMemory.byteCount / Self.defaultShare
    let wanted =
      byteCount.map { Int(clamping: $0) }
      ?? min(max(usual, Self.defaultRange.lowerBound), Self.defaultRange.upperBound)
    let tier = tier
    try watcher.withLock { watcher throws(SystemError) in
      // The old one first: its last word must not come after the new budget.
      watcher?.stop()
      watcher = try PressureWatcher(
        budget: MemoryBudget(maximum: tier.setBudget(byteCount: wanted)),
        use: { tier.statistics.arenaByteCount }, apply: { tier.setBudget(byteCount: $0) })
    }
  }

  /// What is held and how often it helped, and by domain who is charged for it.
  ///
  /// Logical bytes count a shared file for each that it is.
  var use: (all: TierStatistics, domains: [DomainUse]) {
    dropIdleDomains()
    var all = tier.statistics
    let domains = domains.withLock { $0 }.map { name, domain in
      DomainUse(
        name: name, imageCount: domain.sharing.volumeCount,
        chargedByteCount: domain.sharing.chargedByteCount,
        byteCountMax: domain.sharing.byteCountMax, savedByteCount: domain.sharing.savedByteCount)
    }
    for domain in domains { all.logicalByteCount += domain.savedByteCount }
    return (all, domains.sorted { $0.name < $1.name })
  }

  /// `image` with the pages of its files in the domain that `request` names; nil when there are
  /// thousands of domains or of images.
  ///
  /// A limit of the domain that the request has is that of all its images from now on.
  func paged(
    _ image: Image, _ request: MountRequest, memory: (any FingerprintMemory)?
  ) -> PagedImage? {
    dropIdleDomains()
    let name = request.domain ?? ""
    // Without fingerprints there is nothing to tell by what is worth sharing.
    let mayShare =
      image.superblock.fingerprintPrefix != nil && request.pageCache != .private
      && !request.readsFromFUSE
    let contentMount = mayShare ? sharedContentMount() : nil
    return domains.withLock { domains -> PagedImage? in
      let known =
        domains[name]
        ?? SharingDomain(tier: tier, admission: .whenWanted, work: work).map { Domain(sharing: $0) }
      guard var domain = known else { return nil }
      if let limit = request.domainMemoryLimitByteCount {
        domain.sharing.setLimit(Int(clamping: limit))
      }
      if let contentMount, domain.content == nil {
        domain.content = SharedContent(on: contentMount)
      }
      domain.idleSince = nil
      domains[name] = domain
      // With the lock held, so that the domain is not dropped before it has the image.
      return PagedImage(
        image, in: domain.sharing,
        byteCountMax: request.memoryLimitByteCount.map { Int(clamping: $0) }, memory: memory,
        content: mayShare ? domain.content : nil)
    }
  }

  /// The hidden mount through which files are shared, made when it is first needed.
  private func sharedContentMount() -> ContentMount? {
    // With the lock held, so that there is one; only mounts wait for it.
    contentMount.withLock { known in
      if let known { return known }
      let made = CurrentProcess.userID == 0 ? try? ContentMount(onError: log) : nil
      known = .some(made)
      return made
    }
  }

  /// Forgets domains without images: those of which no page is left, and beyond
  /// ``idleDomainCountMax`` those that have been without for the longest, with their pages.
  private func dropIdleDomains() {
    // Their files go with them, which takes its time: not with the lock held.
    let dropped = domains.withLock { domains -> [Domain] in
      var idle: [(name: String, since: UInt64)] = []
      var dropped: [Domain] = []
      for (name, domain) in domains where domain.sharing.volumeCount == 0 {
        let since = domain.idleSince ?? MonotonicClock.now
        domains[name]?.idleSince = since
        if domain.sharing.chargedByteCount == 0 {
          domains[name] = nil
          dropped.append(domain)
        } else {
          idle.append((name, since))
        }
      }
      idle.sort { $0.since < $1.since }
      for (name, _) in idle.dropLast(Self.idleDomainCountMax) {
        if let domain = domains.removeValue(forKey: name) { dropped.append(domain) }
      }
      return dropped
    }
    _ = dropped
  }
}

extension MountRequest {
  /// Whether part of the image is a file of a FUSE mount: it could be one of ours, and then a hidden
  /// mount's session would wait for itself.
  var readsFromFUSE: Bool {
    ([source] + devices).contains { source in
      guard case .file(let path)? = try? SourceReference(checking: source) else { return false }
      return MountCalls.isOnFUSE(path)
    }
  }
}

/// What the images of one domain hold together.
struct DomainUse {
  /// Empty for the domain of mounts that name none.
  let name: String
  let imageCount: Int
  let chargedByteCount: Int
  let byteCountMax: Int?
  /// What more would be held if each file that is known to be another had pages of its own.
  let savedByteCount: Int
}
