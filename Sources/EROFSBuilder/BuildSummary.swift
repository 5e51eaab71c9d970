/// What a build did, in numbers.
package struct BuildSummary: Encodable, Sendable {
  /// Entries of the tree; a file with several names counts once.
  package var files = 0
  /// What the regular files hold.
  package var bytes: UInt64 = 0
  /// What of that is stored, as it was before compression.
  package var uniqueBytes: UInt64 = 0
  /// What it takes in the image, tails beside inodes included.
  package var compressedBytes: UInt64 = 0
  /// What was not stored because the image, or its base, has it already.
  package var dedupSavedBytes: UInt64 = 0
  package var imageBytes: UInt64 = 0
  package var seconds: Double = 0

  package init() {}
}
