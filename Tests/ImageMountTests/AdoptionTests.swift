import Bytes
import EROFSReader
import FUSEServer
import Foundation
import ImageMount
import PageTier
import Testing

/// What a successor makes of tables that do not fit what it has.
@Suite(.serialized, .enabled(if: ContentMountFixture.isPossible, "needs root and passthrough"))
struct AdoptionTests {
  private func code(_ body: () throws(HandoverError) -> Void) -> HandoverError.Code? {
    do throws(HandoverError) {
      try body()
      return nil
    } catch {
      return error.code
    }
  }

  /// `table` with `value` in the 64 bits at `offset`.
  private func edited<Table: HandoverTable>(
    _ table: Table, _ value: UInt64, at offset: Int
  ) throws -> Table {
    var bytes = table.encoded()
    var target = bytes.mutableRawSpan
    target.store(value, atByteOffset: offset)
    return try Table(decoding: bytes.rawSpan)
  }

  @Test func `only what fits the images is adopted, and once`() throws {
    let fixture = try ContentMountFixture()
    let point = try fixture.mount()
    #expect(try Data(contentsOf: URL(filePath: "\(point)/1")) == fixture.contents[1])
    let nodes = fixture.shared.table(of: fixture.images)
    let files = try #require(fixture.filesystems[0].backedFiles)
    let content = ContentMount(adopting: try #require(fixture.content.state)) { _ in }
    defer { content.close() }
    let shared = SharedContent(on: content)
    let image = try Image(source: MemorySource(fixture.image))
    let paged = try #require(PagedImage(image, in: fixture.domain, content: shared))
    let root = image.superblock.rootNID
    #expect(
      code { () throws(HandoverError) in try shared.adopt(nodes, images: []) } == .unknownImage)
    // The nid of the first claimant, and the byte count that it claims.
    for (value, offset) in [(root, 72 + 8), (.max, 72 + 8), (1, 16 + 8)] as [(UInt64, Int)] {
      let table = try edited(nodes, value, at: offset)
      #expect(
        code { () throws(HandoverError) in try shared.adopt(table, images: [paged]) }
          == .unknownFile)
    }
    let filesystem = ImageFilesystem(image: image, paged: paged) { Issue.record("\($0)") }
    #expect(code { () throws(HandoverError) in try filesystem.adopt(files) } == .unknownNode)
    try shared.adopt(nodes, images: [paged])
    #expect(
      code { () throws(HandoverError) in try shared.adopt(nodes, images: [paged]) } == .duplicate)
    let astray = try edited(files, 1000, at: 16)
    #expect(code { () throws(HandoverError) in try filesystem.adopt(astray) } == .unknownNode)
    try filesystem.adopt(files)
    #expect(filesystem.backedFiles == files)
    #expect(shared.table(of: [paged]) == nodes)
    let unbacked = ImageFilesystem(image: image) { Issue.record("\($0)") }
    #expect(code { () throws(HandoverError) in try unbacked.adopt(files) } == .unknownNode)
  }
}
