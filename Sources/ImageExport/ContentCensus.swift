internal import Bytes
internal import Codecs
internal import EROFS
internal import EROFSReader
internal import Linux

/// Reads files of one image with as many threads as there are processors, and counts what they
/// hold.
final class ContentCensus: Sendable {
  private struct Progress {
    /// The file to be read next.
    var position = 0
    var tally = SharingTally()
    /// The first that happened; nothing more is begun after it.
    var error: ReadError?
  }

  private let image: Image
  private let imageNumber: UInt32
  /// The regular files to read, none of them empty.
  private let nids: [UInt64]
  private let files: FileCensus
  private let pages: PageCensus
  private let progress = Lock(Progress())

  init(
    of nids: [UInt64], in image: Image, number imageNumber: UInt32, files: FileCensus,
    pages: PageCensus
  ) {
    self.image = image
    self.imageNumber = imageNumber
    self.nids = nids
    self.files = files
    self.pages = pages
  }

  /// Reads all files; returns what was counted.
  func run() throws(ReadError) -> SharingTally {
    // Fewer threads than wanted are no reason to fail.
    let threads = (1..<CurrentProcess.processorCount).compactMap { _ in
      try? Thread(name: "census") { self.takePart() }
    }
    takePart()
    for thread in threads { thread.join() }
    let result = progress.withLock { $0 }
    if let error = result.error { throw error }
    return result.tally
  }

  private func takePart() {
    var tally = SharingTally()
    var failure: ReadError?
    do throws(ReadError) {
      while let nid = nextFile() { try count(nid, in: &tally) }
    } catch {
      failure = error
    }
    let (counted, error) = (tally, failure)
    progress.withLock { progress in
      progress.tally += counted
      progress.error = progress.error ?? error
    }
  }

  private func nextFile() -> UInt64? {
    progress.withLock { progress in
      guard progress.error == nil, progress.position < nids.count else { return nil }
      defer { progress.position += 1 }
      return nids[progress.position]
    }
  }

  private func count(_ nid: UInt64, in tally: inout SharingTally) throws(ReadError) {
    let inode = try image.inode(nid)
    let claim = try image.fingerprint(of: inode)
    var hash = SHA256()
    var pieces = FilePieces(of: inode, in: image)
    while let piece = try pieces.next() {
      hash.update(piece)
      pages.note(piece, image: imageNumber, in: &tally)
    }
    let digest = hash.finish()
    if let claim, claim != digest { tally.wrongFingerprints += 1 }
    tally.addFilePages(
      inode.pageCount, files.note(digest, byteCount: inode.byteCount, image: imageNumber))
  }
}

extension Inode {
  /// The pages that the file's content takes in memory.
  var pageCount: UInt64 {
    byteCount.dividedRoundingUp(by: UInt64(PageCensus.pageByteCount))
  }
}
