internal import CLinux

/// A file of /proc or of a cgroup, kept open to be read again and again.
///
/// Reading allocates nothing, also when it fails. Safe from any thread, each with a buffer of its
/// own.
package final class KernelFile: Sendable {
  /// What a buffer holds that is large enough for every file read here.
  package static let bufferByteCount = 8192

  package let descriptor: FileDescriptor

  package init(at path: String) throws(SystemError) {
    descriptor = try FileDescriptor(opening: path, .readOnly)
  }

  /// Runs `body` on what the file says now; nil as well when it cannot be read.
  package func read<Result>(
    into buffer: inout AlignedBuffer, _ body: (RawSpan) -> Result?
  ) -> Result? {
    var filled = 0
    while filled < buffer.byteCount {
      let count = readOnce(into: &buffer, from: filled)
      if count == 0 { break }
      guard count > 0 else { return nil }
      filled += count
    }
    return body(buffer.bytes.extracting(0..<filled))
  }

  /// The one number that the file consists of, if it does.
  package func number(_ buffer: inout AlignedBuffer) -> UInt64? {
    read(into: &buffer) { text in KernelText.onlyNumber(in: text) }
  }

  private func readOnce(into buffer: inout AlignedBuffer, from start: Int) -> Int {
    var target = buffer.mutableBytes
    while true {
      let count = unsafe target.withUnsafeMutableBytes { bytes in
        unsafe pread(
          descriptor.rawValue, bytes.baseAddress.map { unsafe $0 + start }, bytes.count - start,
          start)
      }
      if count >= 0 || Errno.current != .interrupted { return count }
    }
  }
}
