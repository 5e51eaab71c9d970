import Foundation
import Linux
import TestSupport
import Testing

/// Notices of a real v1 memory cgroup, which is made for the test.
@Suite struct CgroupNoticeTests {
  private static let tree = "/sys/fs/cgroup/memory"
  private static let canMake =
    getuid() == 0 && FileManager.default.fileExists(atPath: "\(tree)/memory.pressure_level")

  @Test(.enabled(if: canMake))
  func `a group that has to reclaim says so`() async throws {
    let group = "\(Self.tree)/cullet-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: group, withIntermediateDirectories: false)
    defer { rmdir(group) }
    try Data("8388608".utf8).write(to: URL(filePath: "\(group)/memory.limit_in_bytes"))
    let trigger = try PressureTrigger(.low, ofCgroup: group)
    var set = PollSet()
    let index = set.add(trigger.descriptor, trigger.interest)
    try set.wait(milliseconds: 0)
    #expect(set.state(of: index) == .quiet)

    // Writes eight times as much into the page cache as the group may hold.
    let directory = try TemporaryDirectory()
    let script = """
      echo $$ > \(group)/cgroup.procs
      exec dd if=/dev/zero of=\(directory.file("content")) bs=1M count=64
      """
    #expect(try Command(["sh", "-c", script]).status == 0)
    try set.wait(milliseconds: 10_000)
    #expect(set.state(of: index) == .ready)
    trigger.acknowledge()
    // The process is gone, and with it whatever could reclaim.
    try set.wait(milliseconds: 0)
    #expect(set.state(of: index) == .quiet)
  }
}
