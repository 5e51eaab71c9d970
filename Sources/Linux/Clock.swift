internal import CLinux

/// Time that only moves forward, for deadlines and durations.
package enum MonotonicClock {
  /// Nanoseconds since boot, not counting suspend.
  package static var now: UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// The time of day, for what users read and what outlives the machine's uptime.
package enum WallClock {
  /// Nanoseconds since 1970-01-01 UTC.
  package static var now: Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
