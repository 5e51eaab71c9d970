/// Where the running process stands in the trees of cgroups, as far as its mounts show them.
package struct CgroupPlaces: Equatable, Sendable {
  /// A group and those above it.
  package struct Place: Equatable, Sendable {
    /// The group's directory.
    package let directory: String
    /// Where the tree is mounted: the topmost group that can be seen.
    package let top: String

    /// The directories of the group and of all above it that can be seen, from below.
    package var lineage: [String] {
      var directories = [directory]
      while let last = directories.last, last.utf8.count > top.utf8.count {
        directories.append(Paths.parent(of: last))
      }
      return directories
    }
  }

  /// In the tree of the v1 memory controller.
  package let memory: Place?
  /// In the tree of cgroup v2, with whatever controllers it has.
  package let unified: Place?

  /// Reads /proc/self/cgroup and /proc/self/mountinfo, in a /proc that may be elsewhere.
  ///
  /// What cannot be read counts as empty.
  package init(procDirectory: String = "/proc") {
    self.init(
      membership: Self.content(of: "\(procDirectory)/self/cgroup"),
      mounts: Self.content(of: "\(procDirectory)/self/mountinfo"))
  }

  /// Finds the places in the text of the two files; lines that make no sense are passed over.
  package init(membership: [UInt8], mounts: [UInt8]) {
    var memoryPath: String?
    var unifiedPath: String?
    for line in membership.split(separator: UInt8(ascii: "\n")) {
      let parts = line.split(
        separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3, parts[2].first == UInt8(ascii: "/") else { continue }
      let controllers = parts[1].split(separator: UInt8(ascii: ",")).map(Self.text)
      if controllers.contains("memory") { memoryPath = Self.text(parts[2]) }
      if controllers.isEmpty { unifiedPath = Self.text(parts[2]) }
    }
    let mounts = MountRecord.parse(mounts).compactMap(CgroupMount.init)
    memory = memoryPath.flatMap { path in
      Self.place(of: path, in: mounts.filter { !$0.isUnified && $0.options.contains("memory") })
    }
    unified = unifiedPath.flatMap { path in Self.place(of: path, in: mounts.filter(\.isUnified)) }
  }

  private static func place(of path: String, in mounts: [CgroupMount]) -> Place? {
    for mount in mounts {
      if let directory = mount.directory(of: path) {
        return Place(directory: directory, top: mount.point)
      }
    }
    // A container may see its own group only, under a path that means nothing inside.
    return mounts.first.map { mount in Place(directory: mount.point, top: mount.point) }
  }

  private static func content(of path: String) -> [UInt8] {
    guard let file = try? FileDescriptor(opening: path, .readOnly) else { return [] }
    // Far more than any list of mounts takes.
    return (try? file.read(byteCount: 1 << 20, at: 0)) ?? []
  }

  private static func text(_ bytes: some Sequence<UInt8>) -> String {
    String(decoding: Array(bytes), as: UTF8.self)
  }
}
