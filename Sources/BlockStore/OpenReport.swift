/// What opening a cache found, for the log.
package struct OpenReport: Sendable {
  /// Whether the cache was made, or begun anew.
  package internal(set) var isFormatted = false
  /// Why things were not as expected, one sentence each.
  package internal(set) var notes: [String] = []
  /// Blocks found in the index.
  package internal(set) var blockCount = 0
  /// Records that were not believed.
  package internal(set) var droppedRecordCount = 0
}
