/// A mount that shows a tree of cgroups.
struct CgroupMount {
  /// The group that is seen at ``point``.
  let root: String
  let point: String
  let isUnified: Bool
  /// For v1 among them are the controllers of the tree.
  let options: [String]

  /// Nil for mounts of anything else, and for those that make no sense.
  init?(_ record: MountRecord) {
    switch record.type {
    case "cgroup": isUnified = false
    case "cgroup2": isUnified = true
    default: return nil
    }
    root = record.root
    point = record.directory
    guard root.hasPrefix("/"), point.hasPrefix("/"), let options = record.options else {
      return nil
    }
    self.options = options
  }

  /// Where the group `path` is seen; nil when it is not below ``root``.
  func directory(of path: String) -> String? {
    let names = path.split(separator: "/")
    // Groups beside one's namespace are shown by way of "..".
    guard !names.contains("..") else { return nil }
    let rootNames = root.split(separator: "/")
    guard names.starts(with: rootNames) else { return nil }
    let rest = names.dropFirst(rootNames.count)
    return rest.isEmpty ? point : ([point] + rest.map(String.init)).joined(separator: "/")
  }
}
