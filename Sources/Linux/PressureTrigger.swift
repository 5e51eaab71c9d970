internal import Bytes
internal import CLinux

/// A descriptor that becomes ready when tasks are short of memory.
///
/// The kernel drops the trigger with its descriptor.
package struct PressureTrigger: ~Copyable, Sendable {
  /// The pressure stall information of the whole machine; a v2 cgroup has its own, memory.pressure.
  package static let machinePath = "/proc/pressure/memory"

  package let level: PressureLevel
  package let descriptor: FileDescriptor
  /// What to wait for.
  package let interest: PollSet.Interest

  /// A trigger of the pressure stall information at `path`: ready once tasks have stalled for as
  /// long as the level says, at most once in 2 s.
  ///
  /// Fails with ENOENT when the kernel was built without the information, EOPNOTSUPP when it was
  /// started with it off, EPERM or EACCES when it asks for a privilege (before Linux 6.4).
  package init(
    _ level: PressureLevel, at path: String = PressureTrigger.machinePath
  ) throws(SystemError) {
    let file = try FileDescriptor(opening: path, [.readWrite, .nonBlocking])
    // The kernel overwrites the last byte of what it gets, so there has to be one to spare.
    let request = [UInt8](level.trigger.utf8) + [0]
    try file.write(request.rawSpan)
    self.level = level
    interest = .exceptional
    descriptor = file
  }

  /// A notice of the v1 cgroup in `directory` that the kernel finds it this hard, or harder, to
  /// reclaim memory there; ENOENT when it has no such notices.
  package init(_ level: PressureLevel, ofCgroup directory: String) throws(SystemError) {
    let counter = try EventCounter()
    let source = try FileDescriptor(opening: "\(directory)/memory.pressure_level", .readOnly)
    let control = try FileDescriptor(opening: "\(directory)/cgroup.event_control", .writeOnly)
    let request = "\(counter.descriptor.rawValue) \(source.rawValue) \(level.cgroupName)"
    try control.write([UInt8](request.utf8).rawSpan)
    self.level = level
    interest = .readable
    descriptor = counter.intoDescriptor()
  }

  /// Has the descriptor wait for the next occasion, after it became ready.
  package func acknowledge() {
    guard interest == .readable else { return }
    var count: eventfd_t = 0
    _ = unsafe eventfd_read(descriptor.rawValue, &count)
  }
}
