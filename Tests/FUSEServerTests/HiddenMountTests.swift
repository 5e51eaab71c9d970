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
    var hidden: HiddenMount?
    let session: Session
    (hidden, session) = try HiddenMount.make(
      of: MemoryFilesystem(TreeBuilder().files), ServingOptions())
    let thread = try Linux.Thread(name: "session") { try? session.run() }
    #expect(try Data(contentsOf: URL(filePath: "/proc/self/mountinfo")).count == before)
    withExtendedLifetime(hidden) {}
    hidden = nil
    thread.join()
  }

  @Test func `mounting what nobody serves any more fails`() throws {
    let (hidden, session) = try HiddenMount.make(
      of: MemoryFilesystem(TreeBuilder().files), ServingOptions())
    session.stop()
    try session.run()
    let request = KernelMount.Request(image: "image", devices: [], domain: nil, isAtHand: true)
    #expect(throws: FUSEError.self) { try KernelMount.hide(request, in: hidden) }
  }
}
