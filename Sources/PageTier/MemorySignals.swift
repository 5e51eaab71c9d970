internal import Linux

/// What this machine tells of its memory: found once, and then listened to and read.
///
/// Where something is missing, the rest has to do.
package final class MemorySignals: Sendable, CustomStringConvertible {
  let sources: [PressureSource]
  let cgroup: MemoryCgroup?
  let available: AvailableMemory?
  /// What was found, for a line of status: "PSI, cgroup v1 events and limits, MemAvailable".
  package let description: String

  /// Looks for everything, in a /proc that may be elsewhere.
  package init(procDirectory: String = "/proc") {
    let places = CgroupPlaces(procDirectory: procDirectory)
    let cgroup = MemoryCgroup.found(at: places)
    let machine = PressureSource.all { level throws(SystemError) in
      try PressureTrigger(level, at: "\(procDirectory)/pressure/memory")
    }
    let group = places.unified.map { place in
      PressureSource.all { level throws(SystemError) in
        try PressureTrigger(level, at: "\(place.directory)/memory.pressure")
      }
    }
    let events = (cgroup?.version == .v1 ? cgroup?.directory : nil).map { directory in
      PressureSource.all { level throws(SystemError) in
        try PressureTrigger(level, ofCgroup: directory)
      }
    }
    available = try? AvailableMemory(procDirectory: procDirectory)
    self.cgroup = cgroup
    sources = machine + (group ?? []) + (events ?? [])

    var found: [String] = []
    if !machine.isEmpty { found.append("PSI") }
    if group?.isEmpty == false { found.append("PSI of the cgroup") }
    if let cgroup {
      let hasEvents = events?.isEmpty == false || cgroup.hasEvents
      found.append("cgroup \(cgroup.version) \(hasEvents ? "limits and events" : "limits")")
    }
    if available != nil { found.append("MemAvailable") }
    description = found.isEmpty ? "none" : found.joined(separator: ", ")
  }

  /// Whether there is nothing to go by.
  var isEmpty: Bool { sources.isEmpty && cgroup == nil && available == nil }

  /// The headroom of this moment under every limit that is known; nil when none is.
  func headroom(_ buffer: inout AlignedBuffer) -> Headroom? {
    var result: Headroom?
    if let figures = available?.figures(&buffer) {
      result = Headroom(
        freeByteCount: Int(clamping: figures.available),
        totalByteCount: Int(clamping: figures.total))
    }
    guard let cgroup else { return result }
    for level in cgroup.levels {
      guard let figures = level.figures(&buffer) else { continue }
      let limit = Int(clamping: figures.limit)
      let free = limit &- Int(clamping: figures.usage) &+ Int(clamping: figures.reclaimable)
      result = Headroom(freeByteCount: free, totalByteCount: limit).narrowed(by: result)
    }
    return result
  }
}
