/// The limits on memory that the process's cgroup and those above it set, and what is left of them.
///
/// The files stay open, so that reading them allocates nothing. Safe from any thread, each with a
/// buffer of its own.
package final class MemoryCgroup: Sendable {
  package enum Version: Sendable {
    case v1
    case v2
  }

  package let version: Version
  /// The process's own group.
  package let directory: String
  /// The process's own group and those above it that can be seen, from below.
  ///
  /// Some may have no limit, or none at present.
  package let levels: [MemoryCgroupLevel]
  /// Counts of what befell the group; v2 only, and not in its root.
  private let events: KernelFile?

  /// The group at `places`: of the v1 memory controller where there is one, else of v2; nil when
  /// neither says anything about memory.
  package static func found(at places: CgroupPlaces) -> MemoryCgroup? {
    places.memory.flatMap { MemoryCgroup(.v1, at: $0) }
      ?? places.unified.flatMap { MemoryCgroup(.v2, at: $0) }
  }

  private init?(_ version: Version, at place: CgroupPlaces.Place) {
    self.version = version
    directory = place.directory
    levels = place.lineage.compactMap { directory in
      MemoryCgroupLevel(version, at: directory, isOwn: directory == place.directory)
    }
    guard !levels.isEmpty else { return nil }
    events = version == .v2 ? try? KernelFile(at: "\(directory)/memory.events") : nil
  }

  /// Whether the group tells by itself what befell it.
  package var hasEvents: Bool { events != nil }

  /// What befell the group so far; nil when it does not say.
  package func eventCounts(_ buffer: inout AlignedBuffer) -> CgroupEventCounts? {
    events?.read(into: &buffer) { text in CgroupEventCounts(text) }
  }

  /// Adds the file of events to `set`, if there is one; returns its index there.
  package func addEvents(to set: inout PollSet) -> Int? {
    events.map { file in set.add(file.descriptor, .exceptional) }
  }
}
