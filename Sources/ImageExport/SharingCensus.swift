internal import Bytes
internal import EROFS
package import EROFSReader

/// Counts what images would share in memory, one image after the other.
///
/// Without contents it believes the fingerprints that files carry, and counts files without one as
/// unlike all others; with them it reads everything and believes nothing. Memory: about 100 bytes
/// for each distinct file, 8 for each file of an image, and with contents 24 for each distinct page.
/// Not thread-safe.
package final class SharingCensus {
  private let files = FileCensus()
  /// Nil when contents are not read.
  private let pages: PageCensus?
  private var imageCount: UInt32 = 0
  private var total = SharingTally()

  /// A census that has seen no image yet; with `readsContents` it reads all files of each.
  package init(readsContents: Bool) {
    pages = readsContents ? PageCensus() : nil
  }

  /// Counts `image`; returns what it is made of, and what could be shared within it.
  ///
  /// After an error the sum is of no use.
  package func add(
    _ image: Image
  ) throws(ReadError) -> (summary: ImageSummary, sharing: SharingPotential) {
    imageCount += 1
    var tally = SharingTally()
    var unread: [UInt64] = []
    let summary = try ImageSummary(of: image) { inode, fingerprint in
      tally.files += 1
      if fingerprint != nil { tally.filesWithFingerprint += 1 }
      if inode.byteCount == 0 {
        tally.emptyFiles += 1
      } else if pages != nil {
        unread.append(inode.nid)
      } else if let fingerprint {
        tally.addFilePages(
          inode.pageCount,
          files.note(fingerprint, byteCount: inode.byteCount, image: imageCount))
      } else {
        tally.unknownPages.addSaturating(inode.pageCount)
        tally.addFilePages(
          inode.pageCount, Sighting(isFirstInImage: true, isFirstInSet: true))
      }
    }
    if let pages {
      let contents = ContentCensus(
        of: unread, in: image, number: imageCount, files: files, pages: pages)
      tally += try contents.run()
    }
    total += tally
    return (
      summary,
      SharingPotential(tally, distinct: tally.inImage, imageCount: 1, hasContent: pages != nil)
    )
  }

  /// What could be shared within and among all images so far.
  package var sharing: SharingPotential {
    SharingPotential(
      total, distinct: total.inSet, imageCount: Int(imageCount), hasContent: pages != nil)
  }
}
