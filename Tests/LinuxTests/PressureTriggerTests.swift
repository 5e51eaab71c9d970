import Foundation
import Linux
import TestSupport
import Testing

@Suite struct PressureTriggerTests {
  private static let hasPressure = FileManager.default.fileExists(
    atPath: PressureTrigger.machinePath)

  @Test(.enabled(if: hasPressure), arguments: PressureLevel.allCases)
  func `triggers of every level can be waited for`(level: PressureLevel) throws {
    let trigger = try PressureTrigger(level)
    var set = PollSet()
    let index = set.add(trigger.descriptor, trigger.interest)
    try set.wait(milliseconds: 0)
    // Whether the machine is short of memory right now is not for us to say.
    #expect(set.state(of: index) != .failed)
  }

  @Test func `without pressure stall information the error says so`() throws {
    let error = #expect(throws: SystemError.self) {
      _ = try PressureTrigger(.low, at: "/nonexistent/pressure")
    }
    #expect(error?.errno == .noSuchFile)
  }

  @Test func `a group without notices is an error, not a trap`() throws {
    let directory = try TemporaryDirectory()
    let error = #expect(throws: SystemError.self) {
      _ = try PressureTrigger(.medium, ofCgroup: directory.path)
    }
    #expect(error?.errno == .noSuchFile)
  }

  @Test func `a signal wakes a wait for several descriptors`() throws {
    let quiet = try EventCounter()
    let signalled = try EventCounter()
    var set = PollSet()
    let first = set.add(quiet.descriptor, .readable)
    let second = set.add(signalled.descriptor, .readable)
    signalled.signal()
    try set.wait(milliseconds: 10_000)
    #expect(set.state(of: first) == .quiet)
    #expect(set.state(of: second) == .ready)
    set.ignore(second)
    try set.wait(milliseconds: 0)
    #expect(set.state(of: second) == .quiet)
  }

  @Test func `a wait ends when its time is over`() throws {
    let counter = try EventCounter()
    var set = PollSet()
    let index = set.add(counter.descriptor, .readable)
    let start = MonotonicClock.now
    try set.wait(milliseconds: 20)
    #expect(MonotonicClock.now - start >= 19_000_000)
    #expect(set.state(of: index) == .quiet)
  }
}
