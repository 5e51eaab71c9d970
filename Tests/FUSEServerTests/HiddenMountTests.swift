import FUSEServer
import Foundation
import Linux
import TestSupport
import Testing

/// Mounts that are on no directory.
@Suite(.enabled(if: canMount && MountCalls.userID == 0), .timeLimit(.minutes(1)))
struct HiddenMountTests {
  @Test func `a hidden mount is in no list, and its session ends with it`() throws {
    let before = try Data(contentsOf: URL(filePath: "/proc/self/mountinfo")).count
    var hidden: HiddenMount? = try HiddenMount()
    let session = Session(
      filesystem: MemoryFilesystem(TreeBuilder().files), device: try #require(hidden?.device))
    let thread = try Linux.Thread(name: "session") { try? session.run() }
    #expect(try Data(contentsOf: URL(filePath: "/proc/self/mountinfo")).count == before)
    hidden = nil
    thread.join()
  }
}
