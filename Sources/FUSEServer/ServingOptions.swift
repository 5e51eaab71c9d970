package import FUSEProtocol

/// How a session serves.
package struct ServingOptions: Sendable {
  /// The largest READ: 256 pages, the kernel's own limit unless root raises it.
  package static let readByteCountMax = 1 << 20

  /// How many requests are worked on at once, each by a thread with a buffer of its own.
  ///
  /// A thread that waits for the network is one less for everybody else, so there are more of them
  /// than processors.
  package var threadCount: Int
  /// How long the kernel may remember names and attributes.
  package var timeouts: CacheTimeouts
  /// Whether files need no OPEN: saves a round trip an open, and the kernel keeps caches by itself.
  package var handleless: Bool
  /// The kernel's read-ahead window per file, in bytes, as far as the mount could raise it.
  package var readAheadByteCount: Int
  /// How many read-aheads the kernel may have under way.
  package var backgroundRequestCount: UInt16

  package init(
    threadCount: Int = 8, timeouts: CacheTimeouts = .immutable, handleless: Bool = true,
    readAheadByteCount: Int = 1 << 20, backgroundRequestCount: UInt16 = 64
  ) {
    self.threadCount = threadCount
    self.timeouts = timeouts
    self.handleless = handleless
    self.readAheadByteCount = readAheadByteCount
    self.backgroundRequestCount = backgroundRequestCount
  }
}
