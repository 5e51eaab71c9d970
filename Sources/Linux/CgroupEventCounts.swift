/// What befell a v2 cgroup so far, as memory.events counts it.
package struct CgroupEventCounts: Equatable, Sendable {
  /// How often tasks were slowed down at memory.high.
  package let high: UInt64
  /// How often the group was about to exceed memory.max.
  package let max: UInt64
  /// How often nothing could be reclaimed at memory.max.
  package let outOfMemory: UInt64
  /// How many processes were ended for it.
  package let kills: UInt64

  /// Takes the counts from the text of memory.events; nil unless all are there.
  package init?(_ text: RawSpan) {
    guard let high = KernelText.number(named: Self.highName, in: text),
      let max = KernelText.number(named: Self.maxName, in: text),
      let outOfMemory = KernelText.number(named: Self.outOfMemoryName, in: text),
      let kills = KernelText.number(named: Self.killsName, in: text)
    else { return nil }
    self.high = high
    self.max = max
    self.outOfMemory = outOfMemory
    self.kills = kills
  }

  /// What has happened since `earlier` counts; nil when nothing has.
  ///
  /// At its limit a group is whenever files fill its cache, which the kernel then reclaims: that
  /// alone is no more than ``PressureLevel/low``.
  package func level(since earlier: CgroupEventCounts) -> PressureLevel? {
    if outOfMemory > earlier.outOfMemory || kills > earlier.kills { return .critical }
    return high > earlier.high || max > earlier.max ? .low : nil
  }

  private static let highName = [UInt8]("high".utf8)
  private static let maxName = [UInt8]("max".utf8)
  private static let outOfMemoryName = [UInt8]("oom".utf8)
  private static let killsName = [UInt8]("oom_kill".utf8)
}
