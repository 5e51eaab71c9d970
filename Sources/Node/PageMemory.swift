internal import EROFSReader
internal import ImageMount
internal import Linux
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

  let tier: PageTier
  private let work: WorkQueue
  private let watcher = Lock<PressureWatcher?>(nil)
  private let domains = Lock<[String: SharingDomain]>([:])
  private let contents = Lock<[String: SharedContent]>([:])
  /// Nil where the kernel keeps the pages for each mount alone.
  private let contentMount: ContentMount?

  /// The pages of an owner that logs to `log`.
  init(log: @escaping @Sendable (String) -> Void) throws(SystemError) {
    let total = PhysicalMemory.byteCount
    let largest = max(total / Self.largestShare, Self.defaultRange.lowerBound)
    guard let tier = PageTier(TierOptions(byteCountMax: largest)) else {
      throw SystemError(call: "mmap", errno: .outOfMemory)
    }
    self.tier = tier
    work = try WorkQueue(name: "cullet-indexer")
    contentMount = CurrentProcess.userID == 0 ? try? ContentMount(onError: log) : nil
    try setBudget(nil)
  }

  /// Ends the threads that hash and watch.
  func close() {
    contentMount?.close()
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

  /// What is held and how often it helped; logical bytes count a shared file for each that it is.
  var statistics: TierStatistics {
    var result = tier.statistics
    for domain in domains.withLock({ Array($0.values) }) {
      result.logicalByteCount += domain.savedByteCount
    }
    return result
  }

  /// `image` with the pages of its files in the domain called `name`; nil when there are thousands
  /// of domains or of images in it.
  ///
  /// `isCachedAbove` tells that they are read through ``content(ofDomain:)``.
  func paged(_ image: Image, inDomain name: String, isCachedAbove: Bool) -> PagedImage? {
    let domain = domains.withLock { domains -> SharingDomain? in
      if let known = domains[name] { return known }
      let made = SharingDomain(tier: tier, admission: .whenWanted, work: work)
      domains[name] = made
      return made
    }
    return domain.flatMap { PagedImage(image, in: $0, isCachedAbove: isCachedAbove) }
  }

  /// Through what the images of the domain called `name` share the kernel's copy of their pages; nil
  /// where the kernel or the user's rights do not allow that.
  func content(ofDomain name: String) -> SharedContent? {
    guard let contentMount else { return nil }
    return contents.withLock { contents in
      if let known = contents[name] { return known }
      let made = SharedContent(on: contentMount)
      contents[name] = made
      return made
    }
  }
}
