#if CULLET_MUTANTS
internal import Glibc

/// A fault in the order of writes, made on purpose, to see that the crash tests find it.
///
/// Builds for use have none of this: it takes `-DCULLET_MUTANTS`, and then `CULLET_MUTANT` in the
/// environment.
package enum Mutant: String, CaseIterable, Sendable {
  /// The index names blocks that nobody made durable.
  case noDataSync = "no-data-sync"
  /// The index names blocks before they are written.
  case indexFirst = "index-first"
  /// A slot is written again before the index has durably forgotten what it held.
  case earlyRecycle = "early-recycle"
  /// The same by another way: commits return before their meta page is durable.
  case earlyRecycleWithoutMetaSync = "early-recycle-nometasync"
  /// Commits order nothing at all.
  case noSync = "nosync"

  /// The fault of this process; traps for a name that is none, so that no test runs without it.
  package static let active: Mutant? = {
    guard let text = unsafe getenv("CULLET_MUTANT") else { return nil }
    let name = unsafe String(cString: text)
    guard let mutant = Mutant(rawValue: name) else {
      preconditionFailure("there is no mutant called \(name)")
    }
    return mutant
  }()
}
#endif
