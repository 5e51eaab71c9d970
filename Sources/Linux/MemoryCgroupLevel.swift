internal import Bytes

/// One cgroup's limit on memory, and what is used of it by the group and all below it.
package final class MemoryCgroupLevel: Sendable {
  package struct Figures: Equatable, Sendable {
    /// In bytes, as the others.
    package let limit: UInt64
    package let usage: UInt64
    /// What the kernel can take back by itself: cached file content, of which that in active use
    /// counts half.
    package let reclaimable: UInt64
  }

  private let limits: [KernelFile]
  private let usage: KernelFile
  private let statistics: KernelFile
  private let inactiveName: [UInt8]
  private let activeName: [UInt8]
  /// The smallest limit of the process's own group and those above, even where they are not seen.
  private let inheritedLimitName: [UInt8]?

  /// Nil when the group has no such files, as v2's root.
  init?(_ version: MemoryCgroup.Version, at directory: String, isOwn: Bool) {
    let (limitNames, usageName, prefix) =
      switch version {
      case .v1: (["memory.limit_in_bytes"], "memory.usage_in_bytes", "total_")
      case .v2: (["memory.max", "memory.high"], "memory.current", "")
      }
    limits = limitNames.compactMap { name in try? KernelFile(at: "\(directory)/\(name)") }
    guard !limits.isEmpty, let usage = try? KernelFile(at: "\(directory)/\(usageName)"),
      let statistics = try? KernelFile(at: "\(directory)/memory.stat")
    else { return nil }
    self.usage = usage
    self.statistics = statistics
    inactiveName = [UInt8]("\(prefix)inactive_file".utf8)
    activeName = [UInt8]("\(prefix)active_file".utf8)
    inheritedLimitName =
      version == .v1 && isOwn ? [UInt8]("hierarchical_memory_limit".utf8) : nil
  }

  /// The figures of this moment; nil without a limit, or when the kernel does not tell.
  package func figures(_ buffer: inout AlignedBuffer) -> Figures? {
    var limit = Self.noLimit
    for file in limits { limit = min(limit, file.number(&buffer) ?? Self.noLimit) }
    // Reading the statistics is what takes time: of groups without a limit they say nothing.
    guard limit < Self.noLimit || inheritedLimitName != nil, let used = usage.number(&buffer) else {
      return nil
    }
    let known = limit
    return statistics.read(into: &buffer) { text in
      let inherited = inheritedLimitName.flatMap { KernelText.number(named: $0, in: text) }
      let limit = min(known, inherited ?? Self.noLimit)
      guard limit < Self.noLimit else { return nil }
      let inactive = KernelText.number(named: inactiveName, in: text) ?? 0
      let active = KernelText.number(named: activeName, in: text) ?? 0
      // No more than is used can be reclaimed, whatever the text says.
      let reclaimable = min(used, min(used, inactive) + min(used, active) / 2)
      return Figures(limit: limit, usage: used, reclaimable: reclaimable)
    }
  }

  /// From here on a limit is none: v1 shows the largest number of pages, v2 says "max".
  private static let noLimit: UInt64 = 1 << 60
}
