internal import Bytes
internal import FoundationEssentials
internal import Linux

/// Tells the process that started a mount in the background how it went; the first word counts.
package final class LaunchReport: Sendable {
  struct Outcome: Codable {
    let failure: Failure?
  }

  private let pipe: Lock<Int32?>

  /// Will report to `descriptor`, and close it then.
  package init(to descriptor: Int32) {
    pipe = Lock(descriptor)
  }

  /// Reports success, or `failure`; later calls do nothing.
  package func send(_ failure: Failure?) {
    guard let descriptor = pipe.withLock({ $0.take() }),
      let bytes = try? JSONEncoder().encode(Outcome(failure: failure))
    else { return }
    // A parent that was interrupted meanwhile is not there to be told.
    try? FileDescriptor(adopting: descriptor).write([UInt8](bytes).rawSpan)
  }
}
