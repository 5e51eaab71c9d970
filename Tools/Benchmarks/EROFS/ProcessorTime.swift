internal import CLinux

/// The seconds that the calling thread computes in `body`, whatever else the machine has to do.
///
/// For what neither waits nor has help from other threads.
func processorTime(_ body: () throws -> Void) rethrows -> Double {
  let start = threadNanoseconds()
  try body()
  return Double(threadNanoseconds() - start) / 1e9
}

private func threadNanoseconds() -> Int {
  var time = timespec()
  unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return time.tv_sec * 1_000_000_000 + time.tv_nsec
}
