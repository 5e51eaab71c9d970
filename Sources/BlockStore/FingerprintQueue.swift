internal import Bytes
internal import Linux

/// Fingerprints on their way to the index, with whatever is committed next.
///
/// Bounded: what comes while too many wait is lost, as all of it is in a crash. Thread-safe; nothing
/// here waits.
final class FingerprintQueue: Sendable {
  struct Note: Sendable {
    let incarnation: Incarnation
    let file: UInt64
    let byteCount: UInt64
    /// Nil for a file of which nothing is to be remembered any more.
    let digest: Digest?
    /// Of the incarnation, when the note came.
    let changeCount: UInt32
  }

  /// 10 MB of notes.
  private static let countMax = 1 << 16

  private let waiting = Lock([Note]())

  var count: Int { waiting.withLock { $0.count } }

  func add(_ note: Note) {
    waiting.withLock { waiting in
      if waiting.count < Self.countMax { waiting.append(note) }
    }
  }

  /// Has `notes`, which were taken, wait again before all others.
  func putBack(_ notes: ArraySlice<Note>) {
    waiting.withLock { waiting in
      waiting.insert(contentsOf: notes.prefix(Self.countMax - waiting.count), at: 0)
    }
  }

  /// The notes that came first, `countMax` at most; they wait no more.
  func take(_ countMax: Int) -> [Note] {
    waiting.withLock { waiting in
      guard !waiting.isEmpty else { return [] }
      let taken = Array(waiting.prefix(countMax))
      waiting.removeFirst(taken.count)
      return taken
    }
  }
}
