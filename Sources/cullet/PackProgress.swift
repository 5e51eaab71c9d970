internal import EROFSBuilder
internal import Linux

/// A bar on the terminal that says how far a build is.
final class PackProgress {
  private static let width: UInt64 = 40
  /// Redrawn no more often than eyes can follow, in nanoseconds.
  private static let interval: UInt64 = 100_000_000

  private let isShown: Bool
  private var lastDrawn: UInt64 = 0

  init(isShown: Bool) {
    self.isShown = isShown
  }

  func show(_ progress: ImageBuilder.Progress) {
    let now = MonotonicClock.now
    guard isShown, progress.byteCount > 0, now - lastDrawn > Self.interval else { return }
    lastDrawn = now
    let done = min(progress.doneByteCount, progress.byteCount)
    let filled = Int(Self.width * done / progress.byteCount)
    let bar =
      String(repeating: "#", count: filled)
      + String(repeating: ".", count: Int(Self.width) - filled)
    Terminal.draw("[\(bar)] \(sizeText(done)) of \(sizeText(progress.byteCount))")
  }

  /// Clears the line.
  func finish() {
    if lastDrawn > 0 { Terminal.draw("") }
  }
}
