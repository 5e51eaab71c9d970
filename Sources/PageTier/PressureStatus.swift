internal import Linux

/// What a watcher knows and did so far.
package struct PressureStatus: Equatable, Sendable {
  /// How many bytes the tier may hold.
  package internal(set) var target: Int
  /// As of the last look; nil where nothing is known.
  package internal(set) var headroom: Headroom?
  /// How often the kernel told of pressure.
  package internal(set) var pressureCount = 0
  /// How often the target was lowered.
  package internal(set) var shrinkCount = 0
  /// How often the headroom was looked at.
  package internal(set) var lookCount = 0

  init(target: Int) {
    self.target = target
  }
}

/// What a watcher and its thread share.
final class WatcherState: Sendable {
  /// Ready when the thread is to end.
  let wakeUp: EventCounter
  private let guarded: Lock<(status: PressureStatus, isEnding: Bool)>

  init(target: Int, wakeUp: consuming EventCounter) {
    self.wakeUp = wakeUp
    guarded = Lock((PressureStatus(target: target), false))
  }

  var status: PressureStatus { guarded.withLock { state in state.status } }
  var isEnding: Bool { guarded.withLock { state in state.isEnding } }

  func end() {
    guarded.withLock { state in state.isEnding = true }
    wakeUp.signal()
  }

  func record(_ change: (inout PressureStatus) -> Void) {
    guarded.withLock { state in change(&state.status) }
  }
}
