import Foundation
import TestSupport

/// A tree of files that stands in for /proc and the mounts of cgroups.
struct FakeProc {
  let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  var path: String { directory.file("proc") }
  /// Where the cgroups are "mounted".
  var groups: String { directory.file("groups") }

  func write(_ text: String, to name: String) throws {
    let parent = URL(filePath: directory.file(name)).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    try directory.write(Array(text.utf8), to: name)
  }

  /// Mounts the v1 memory controller, with the process in `group`.
  func mountV1(group: String, root: String = "/") throws {
    try write("4:cpu:/elsewhere\n3:memory:\(group)\n0::/\n", to: "proc/self/cgroup")
    try write(
      """
      22 1 0:20 / /proc rw - proc proc rw
      31 22 0:30 / /other rw,relatime - cgroup cgroup rw,cpu
      35 22 0:32 \(root) \(groups) rw,relatime shared:9 - cgroup cgroup rw,memory

      """, to: "proc/self/mountinfo")
  }

  /// Mounts cgroup v2, with the process in `group`.
  func mountV2(group: String) throws {
    try write("0::\(group)\n", to: "proc/self/cgroup")
    try write("35 22 0:32 / \(groups) rw - cgroup2 cgroup2 rw\n", to: "proc/self/mountinfo")
  }

  func writeV1(_ group: String, limit: UInt64, usage: UInt64, stat: String = "") throws {
    try write("\(limit)\n", to: "groups\(group)/memory.limit_in_bytes")
    try write("\(usage)\n", to: "groups\(group)/memory.usage_in_bytes")
    try write(stat, to: "groups\(group)/memory.stat")
  }

  func writeV2(_ group: String, max: String, high: String, current: UInt64) throws {
    try write("\(max)\n", to: "groups\(group)/memory.max")
    try write("\(high)\n", to: "groups\(group)/memory.high")
    try write("\(current)\n", to: "groups\(group)/memory.current")
    try write("anon 1\ninactive_file 10\nactive_file 20\n", to: "groups\(group)/memory.stat")
  }
}
