/// What the page cache costs when all files of an image, or of a set of images, are read, and what
/// sharing would save of it.
///
/// Costs are bytes of whole pages of 4 KiB: one page for every started 4 KiB of a file, files with
/// several names once, empty files nothing. What only their content can tell is nil when contents
/// were not read.
package struct SharingPotential: Encodable, Sendable {
  /// What is saved, as shares of ``SharingPotential/noSharingBytes`` from 0 to 1.
  package struct Savings: Encodable, Sendable {
    package var fileSharing: Double
    package var pageSharing: Double?
    package var pageSharingWithoutZeros: Double?
    package var compression: Double?
  }

  package let images: Int
  /// Regular files; one with several names counts once.
  package let files: Int
  package let emptyFiles: Int
  package let filesWithFingerprint: Int
  /// Files whose content is not what their fingerprint says.
  package let wrongFingerprints: Int?
  /// Every file for itself.
  package let noSharingBytes: UInt64
  /// What of ``noSharingBytes`` is files of unknown content, which were counted as unlike all others.
  package let unknownBytes: UInt64
  /// Files of equal content and size once.
  package let fileSharingBytes: UInt64
  /// Pages of equal content once.
  package let pageSharingBytes: UInt64?
  /// Pages of equal content once, and pages of zeros not at all.
  package let pageSharingWithoutZerosBytes: UInt64?
  /// What of ``noSharingBytes`` is pages of zeros.
  package let zeroPageBytes: UInt64?
  /// Pages of equal content once, none of zeros, and each compressed by LZ4 into a multiple of
  /// 512 bytes where that saves at least an eighth.
  package let compressedBytes: UInt64?
  package let savings: Savings

  /// The potential of `imageCount` images of which `tally` was counted.
  init(_ tally: SharingTally, distinct: SharingTally.Distinct, imageCount: Int, hasContent: Bool) {
    images = imageCount
    files = tally.files
    emptyFiles = tally.emptyFiles
    filesWithFingerprint = tally.filesWithFingerprint
    wrongFingerprints = hasContent ? tally.wrongFingerprints : nil
    let pageByteCount = UInt64(PageCensus.pageByteCount)
    let unshared = tally.pages.multipliedSaturating(by: pageByteCount)
    noSharingBytes = unshared
    unknownBytes = tally.unknownPages.multipliedSaturating(by: pageByteCount)
    fileSharingBytes = distinct.filePages.multipliedSaturating(by: pageByteCount)
    if hasContent {
      let stored = distinct.pages.multipliedSaturating(by: pageByteCount)
      pageSharingBytes = stored + (tally.zeroPages > 0 ? pageByteCount : 0)
      pageSharingWithoutZerosBytes = stored
      zeroPageBytes = tally.zeroPages.multipliedSaturating(by: pageByteCount)
      compressedBytes = distinct.compressedUnits.multipliedSaturating(
        by: UInt64(PageCensus.unitByteCount))
    } else {
      pageSharingBytes = nil
      pageSharingWithoutZerosBytes = nil
      zeroPageBytes = nil
      compressedBytes = nil
    }
    func saving(_ cost: UInt64) -> Double {
      unshared == 0 ? 0 : 1 - Double(cost) / Double(unshared)
    }
    savings = Savings(
      fileSharing: saving(fileSharingBytes), pageSharing: pageSharingBytes.map(saving),
      pageSharingWithoutZeros: pageSharingWithoutZerosBytes.map(saving),
      compression: compressedBytes.map(saving))
  }
}
