package import FUSEProtocol
internal import Linux

/// How a session serves.
package struct ServingOptions: Sendable {
  /// The largest READ: 256 pages, the kernel's own limit unless root raises it.
  package static let readByteCountMax = 1 << 20

  /// As many threads as can run at once, within reason: the kernel hands requests to the one that
  /// has waited longest, so that more of them would only find their caches cold.
  package static var defaultThreadCount: Int { min(max(2, CurrentProcess.processorCount), 16) }

  /// How many threads there are from the start, each with a buffer of its own.
  package var threadCount: Int
  /// How many there may be when all others have been waiting, as for the network.
  ///
  /// While it answers a READ of more than 64 KiB, each has one of the ``LargeBuffers``.
  package var threadCountMax: Int
  /// How long the kernel may remember names and attributes.
  package var timeouts: CacheTimeouts
  /// Whether files need no OPEN: saves a round trip an open, and the kernel keeps caches by itself.
  package var handleless: Bool
  /// Whether the filesystem names files to read in its place, if the kernel can (Linux 6.9, root).
  package var passesThrough: Bool
  /// Whether every listing of a directory brings the attributes of its entries along.
  ///
  /// Otherwise the kernel asks for them with the first part of a listing, and with more only if
  /// entries are looked at while the rest is still to come. Most programs read a directory to its
  /// end first; each entry beyond the first part then costs a LOOKUP.
  package var listsAttributesAlways: Bool
  /// The kernel's read-ahead window per file, in bytes, as far as the mount could raise it.
  package var readAheadByteCount: Int
  /// How many read-aheads the kernel may have under way.
  package var backgroundRequestCount: UInt16

  package init(
    threadCount: Int = defaultThreadCount, threadCountMax: Int = 32,
    timeouts: CacheTimeouts = .immutable,
    handleless: Bool = true, passesThrough: Bool = false,
    listsAttributesAlways: Bool = true, readAheadByteCount: Int = 1 << 20,
    backgroundRequestCount: UInt16 = 64
  ) {
    self.threadCount = threadCount
    self.threadCountMax = threadCountMax
    self.timeouts = timeouts
    self.handleless = handleless
    self.passesThrough = passesThrough
    self.listsAttributesAlways = listsAttributesAlways
    self.readAheadByteCount = readAheadByteCount
    self.backgroundRequestCount = backgroundRequestCount
  }
}
