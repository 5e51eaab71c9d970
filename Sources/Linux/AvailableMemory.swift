/// What the machine has left for programs, by the kernel's own estimate.
package final class AvailableMemory: Sendable {
  package struct Figures: Equatable, Sendable {
    /// What can be had without swapping: MemAvailable, in bytes.
    package let available: UInt64
    /// All memory that the kernel manages, in bytes.
    package let total: UInt64

    /// Takes the figures from the text of /proc/meminfo; nil unless it has both.
    package init?(meminfo text: RawSpan) {
      guard let available = KernelText.number(named: Self.availableName, in: text),
        let total = KernelText.number(named: Self.totalName, in: text)
      else { return nil }
      self.available = available
      self.total = total
    }

    private static let availableName = [UInt8]("MemAvailable".utf8)
    private static let totalName = [UInt8]("MemTotal".utf8)
  }

  private let file: KernelFile

  /// Opens the file of a /proc that may be elsewhere, for tests.
  package init(procDirectory: String = "/proc") throws(SystemError) {
    file = try KernelFile(at: "\(procDirectory)/meminfo")
  }

  /// The figures of this moment; nil when the kernel does not tell.
  package func figures(_ buffer: inout AlignedBuffer) -> Figures? {
    file.read(into: &buffer) { text in Figures(meminfo: text) }
  }
}
