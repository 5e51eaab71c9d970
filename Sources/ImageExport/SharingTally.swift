/// What was counted of an image or of a set of images.
///
/// Sums of pages end at the largest number: an image may claim any number of files of any size.
struct SharingTally: Sendable {
  /// What counts only where it is seen for the first time.
  struct Distinct: Sendable {
    /// Pages of files that are unlike all before.
    var filePages: UInt64 = 0
    /// Pages that are unlike all before, but for those of zeros.
    var pages: UInt64 = 0
    /// What those pages take compressed, in ``PageCensus/unitByteCount``.
    var compressedUnits: UInt64 = 0

    static func += (sum: inout Distinct, other: Distinct) {
      sum.filePages.addSaturating(other.filePages)
      sum.pages.addSaturating(other.pages)
      sum.compressedUnits.addSaturating(other.compressedUnits)
    }
  }

  var files = 0
  var emptyFiles = 0
  var filesWithFingerprint = 0
  var wrongFingerprints = 0
  /// Of all files.
  var pages: UInt64 = 0
  /// Of files whose content is unknown.
  var unknownPages: UInt64 = 0
  var zeroPages: UInt64 = 0
  /// First of its kind in its image.
  var inImage = Distinct()
  /// First of its kind in all images so far.
  var inSet = Distinct()

  /// Counts `pageCount` pages of a file that `sighting` tells from others.
  mutating func addFilePages(_ pageCount: UInt64, _ sighting: Sighting) {
    pages.addSaturating(pageCount)
    if sighting.isFirstInImage { inImage.filePages.addSaturating(pageCount) }
    if sighting.isFirstInSet { inSet.filePages.addSaturating(pageCount) }
  }

  static func += (sum: inout SharingTally, other: SharingTally) {
    sum.files += other.files
    sum.emptyFiles += other.emptyFiles
    sum.filesWithFingerprint += other.filesWithFingerprint
    sum.wrongFingerprints += other.wrongFingerprints
    sum.pages.addSaturating(other.pages)
    sum.unknownPages.addSaturating(other.unknownPages)
    sum.zeroPages.addSaturating(other.zeroPages)
    sum.inImage += other.inImage
    sum.inSet += other.inSet
  }
}

/// Whether something was seen before.
package struct Sighting: Hashable, Sendable {
  package var isFirstInImage: Bool
  package var isFirstInSet: Bool
}

extension UInt64 {
  mutating func addSaturating(_ other: UInt64) {
    let (sum, overflow) = addingReportingOverflow(other)
    self = overflow ? .max : sum
  }

  func multipliedSaturating(by factor: UInt64) -> UInt64 {
    let (product, overflow) = multipliedReportingOverflow(by: factor)
    return overflow ? .max : product
  }
}
