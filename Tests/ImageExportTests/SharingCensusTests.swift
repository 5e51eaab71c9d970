import EROFSReader
import ImageExport
import TestSupport
import Testing

@Suite struct SharingCensusTests {
  private static let page: UInt64 = 4096

  private static func smallTree() throws -> Image {
    try HandmadeTree(nodes: [
      .directory([
        ("one", 1), ("second-name", 1), ("twin", 2), ("empty", 3), ("zeros", 4), ("other", 5),
      ]),
      .file("the same", linkCount: 2), .file("the same"), .file(""),
      .file(String(repeating: "\0", count: 100)), .file("another"),
    ]).open()
  }

  @Test func `without contents and fingerprints every file is unlike the others`() throws {
    let census = SharingCensus(readsContents: false)
    let sharing = try census.add(Self.smallTree()).sharing
    #expect(sharing.images == 1)
    #expect(sharing.files == 5)
    #expect(sharing.emptyFiles == 1)
    #expect(sharing.filesWithFingerprint == 0)
    #expect(sharing.noSharingBytes == 4 * Self.page)
    #expect(sharing.unknownBytes == 4 * Self.page)
    #expect(sharing.fileSharingBytes == 4 * Self.page)
    #expect(sharing.savings.fileSharing == 0)
    #expect(sharing.pageSharingBytes == nil)
    #expect(sharing.wrongFingerprints == nil)
  }

  @Test func `contents tell equal files, equal pages and zeros`() throws {
    let census = SharingCensus(readsContents: true)
    let sharing = try census.add(Self.smallTree()).sharing
    #expect(sharing.noSharingBytes == 4 * Self.page)
    #expect(sharing.unknownBytes == 0)
    #expect(sharing.fileSharingBytes == 3 * Self.page)
    #expect(sharing.pageSharingBytes == 3 * Self.page)
    #expect(sharing.pageSharingWithoutZerosBytes == 2 * Self.page)
    #expect(sharing.zeroPageBytes == Self.page)
    #expect(sharing.compressedBytes == 2 * 512)
    #expect(sharing.savings.fileSharing == 0.25)
    #expect(sharing.savings.pageSharingWithoutZeros == 0.5)
  }

  @Test func `an image that comes twice costs once, and each is told for itself`() throws {
    let census = SharingCensus(readsContents: true)
    let first = try census.add(Self.smallTree()).sharing
    let second = try census.add(Self.smallTree()).sharing
    #expect(second.fileSharingBytes == first.fileSharingBytes)
    #expect(second.pageSharingBytes == first.pageSharingBytes)
    #expect(second.compressedBytes == first.compressedBytes)
    let both = census.sharing
    #expect(both.images == 2)
    #expect(both.files == 10)
    #expect(both.noSharingBytes == 8 * Self.page)
    #expect(both.fileSharingBytes == 3 * Self.page)
    #expect(both.pageSharingBytes == 3 * Self.page)
    #expect(both.compressedBytes == first.compressedBytes)
    #expect(both.zeroPageBytes == 2 * Self.page)
  }

  @Test func `an image without files has nothing to share`() throws {
    let census = SharingCensus(readsContents: true)
    let sharing = try census.add(HandmadeTree(nodes: [.directory([])]).open()).sharing
    #expect(sharing.noSharingBytes == 0)
    #expect(sharing.savings.fileSharing == 0)
    #expect(sharing.compressedBytes == 0)
  }

  @Test(
    .enabled(if: SharedData.hasFixtures), arguments: ["fingerprint-lz4", "fingerprint-trusted"])
  func `fingerprints tell what contents tell`(name: String) throws {
    let claims = SharingCensus(readsContents: false)
    let contents = SharingCensus(readsContents: true)
    let claimed = try claims.add(Fixtures.image(name)).sharing
    let read = try contents.add(Fixtures.image(name)).sharing
    #expect(claimed.filesWithFingerprint > 0)
    #expect(claimed.unknownBytes == 0)
    #expect(claimed.noSharingBytes == read.noSharingBytes)
    #expect(claimed.fileSharingBytes == read.fileSharingBytes)
    #expect(read.wrongFingerprints == 0)
  }

  @Test func `a directory that holds itself ends in an error`() throws {
    let image = try HandmadeTree(nodes: [.directory([("a", 0)])]).open()
    #expect(throws: ReadError.self) { try SharingCensus(readsContents: true).add(image) }
  }
}
