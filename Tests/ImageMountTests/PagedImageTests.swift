import Bytes
import EROFS
import EROFSBuilder
import EROFSReader
import Foundation
import ImageMount
import PageTier
import TestSupport
import Testing
import TreeSources

@Suite struct PagedImageTests {
  private static let fileCount = 4200

  /// The bytes of an image of small files that are all different.
  private struct Bytes: BlockSource {
    let bytes: [UInt8]

    var byteCount: UInt64 { UInt64(bytes.count) }

    func read(into target: inout MutableRawSpan, at offset: UInt64) throws(SourceError) {
      let (start, end) = (Int(offset), Int(offset) + target.byteCount)
      guard end <= bytes.count else { throw SourceError(.outOfBounds, "beyond the image") }
      target.copy(bytes.rawSpan.extracting(start..<end))
    }
  }

  private func makeImage() throws -> [UInt8] {
    let directory = try TemporaryDirectory()
    let tree = directory.file("tree")
    try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: false)
    var generator = SeededGenerator(seed: 1)
    for number in 0..<Self.fileCount {
      try Data(generator.bytes(count: 100)).write(to: URL(filePath: "\(tree)/\(number)"))
    }
    let source = try TreeInput.read(
      merging: [.path(tree)], spool: ArchiveSpool(in: NSTemporaryDirectory()))
    let path = directory.file("image")
    _ = try ImageBuilder(BuildOptions()).build(source, to: path)
    return [UInt8](try Data(contentsOf: URL(filePath: path)))
  }

  private func read(_ inode: Inode, of paged: PagedImage) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(inode.byteCount))
    var span = bytes.mutableRawSpan
    #expect(try paged.read(inode, at: 0, into: &span) == bytes.count)
    return bytes
  }

  @Test func `thousands of mounts, one after the other, leave room for the next`() throws {
    let bytes = try makeImage()
    let image = try Image(source: Bytes(bytes: bytes))
    var files: [Inode] = []
    var walk = TreeWalk(image)
    while let entry = try walk.next() {
      if entry.inode.fileType == .regular { files.append(entry.inode) }
    }
    #expect(files.count == Self.fileCount)
    let tier = try #require(PageTier(TierOptions(byteCountMax: 64 << 20)))
    let work = try WorkQueue(name: "test-indexer")
    let domain = try #require(SharingDomain(tier: tier, work: work))
    // Each time another file is shared, whose pages stay when its images have gone.
    for file in files {
      let one = try #require(PagedImage(image, in: domain))
      let two = try #require(PagedImage(image, in: domain))
      #expect(try read(file, of: one) == read(file, of: two))
      work.drain()
      #expect(one.chargedByteCount == 4096)
    }
    #expect(domain.volumeCount == 0)
    #expect(domain.chargedByteCount == Self.fileCount * 4096)
    let last = try #require(PagedImage(image, in: domain))
    #expect(try read(files[0], of: last).count == 100)
    #expect(domain.volumeCount == 1)
    work.stop()
  }
}
