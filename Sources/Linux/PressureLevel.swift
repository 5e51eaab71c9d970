/// How short of memory tasks are, as the kernel sees it.
///
/// By pressure stall information the levels are those that GLib's memory monitor made common.
package enum PressureLevel: Int, Comparable, Sendable, CaseIterable {
  /// Some task waited for memory for 70 ms of 2 s.
  case low = 1
  /// Some task waited for memory for 100 ms of 2 s.
  case medium
  /// All tasks at once waited for memory for 100 ms of 2 s.
  case critical

  package static func < (left: PressureLevel, right: PressureLevel) -> Bool {
    left.rawValue < right.rawValue
  }

  /// The trigger of pressure stall information: stalls in a window, both in microseconds.
  ///
  /// A window of a multiple of 2 s needs no privilege, since Linux 6.4.
  var trigger: String {
    switch self {
    case .low: "some 70000 2000000"
    case .medium: "some 100000 2000000"
    case .critical: "full 100000 2000000"
    }
  }

  /// The level's name for memory.pressure_level of a v1 cgroup.
  var cgroupName: String {
    switch self {
    case .low: "low"
    case .medium: "medium"
    case .critical: "critical"
    }
  }
}
