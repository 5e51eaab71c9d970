import Bytes
import EROFS
import EROFSReader
import TestSupport
import Testing

@Suite(.enabled(if: SharedData.hasFixtures)) struct ReadPatternTests {
  private static func open(_ name: String, _ path: String) throws -> (CountingSource, Image, Inode)
  {
    let source = CountingSource(try SharedData.bytes(of: "\(name).erofs"))
    let image = try Image(source: source)
    let inode = try image.resolve(path: path.split(separator: "/").map { FileName(String($0)) })
    let found = try #require(inode)
    // The maps and tables of the file count as metadata, and are known from here on.
    _ = try image.extents(of: found)
    _ = source.takeReads()
    return (source, image, found)
  }

  @Test(arguments: ["plain", "chunk-4k", "inline-off"])
  func `plain content takes one source read a run`(name: String) throws {
    let (source, image, inode) = try Self.open(name, "big/text")
    let runs = try image.extents(of: inode).filter { $0.kind == .plain }
    _ = try image.content(of: inode)
    let reads = source.takeReads()
    #expect(reads.map(\.lowerBound) == runs.map(\.storedOffset))
    #expect(reads.map { UInt64($0.count) } == runs.map(\.storedByteCount))
    #expect(runs.count == 1)
  }

  @Test func `neighbouring compressed extents take one source read`() throws {
    let (source, image, inode) = try Self.open("lz4", "big/text")
    let extents = try image.extents(of: inode)
    let compressed = extents.prefix {
      if case .compressed = $0.kind { true } else { false }
    }
    #expect(compressed.count > 10)
    _ = try image.content(of: inode)
    let stored = compressed.reduce(0) { $0 + Int($1.storedByteCount) }
    #expect(source.takeReads().first?.count == stored)
  }

  @Test func `small reads of compressed content fetch and decode each extent once`() throws {
    let (source, image, inode) = try Self.open("lz4hc-big", "big/text")
    let extents = try image.extents(of: inode)
    _ = try image.content(of: inode, pieceByteCount: 4096)
    let reads = source.takeReads()
    #expect(Set(reads.map(\.lowerBound)).count == reads.count)
    #expect(reads.reduce(0) { $0 + $1.count } == extents.reduce(0) { $0 + Int($1.storedByteCount) })
  }

  @Test func `what was decoded can be let go of, and is fetched again`() throws {
    let (source, image, inode) = try Self.open("lz4hc-big", "big/text")
    func page() throws -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: 4096)
      var span = bytes.mutableRawSpan
      _ = try image.read(inode, at: 8192, into: &span)
      return bytes
    }
    let first = try page()
    #expect(source.takeReads().count == 1)
    _ = try page()
    #expect(source.takeReads().isEmpty)
    image.releaseBuffers()
    #expect(try page() == first)
    #expect(source.takeReads().count == 1)
  }

  @Test func `a tree that was walked is walked again without the source`() throws {
    let source = CountingSource(try SharedData.bytes(of: "plain.erofs"))
    let image = try Image(source: source)
    func walk() throws -> Int {
      var walk = TreeWalk(image)
      var count = 0
      while let entry = try walk.next() {
        count += 1
        _ = try image.extendedAttributes(entry.inode)
      }
      return count
    }
    #expect(try walk() == 1034)
    #expect(source.takeReads().count < 40)
    #expect(try walk() == 1034)
    #expect(source.takeReads().isEmpty)
  }

  @Test func `a failed source read shows as itself and does no lasting harm`() throws {
    let (source, image, inode) = try Self.open("lz4", "big/text")
    let whole = try image.content(of: inode)
    let failure = SourceError(.originUnavailable, "gone")
    source.fail(with: failure)
    #expect(throws: ReadError.source(failure)) { try image.content(of: inode) }
    source.fail(with: nil)
    #expect(difference(try image.content(of: inode), whole) == nil)
  }

  @Test func `reads past the end are short`() throws {
    for name in ["plain", "lz4", "chunk-4k"] {
      let (_, image, inode) = try Self.open(name, "big/mixed")
      var bytes = [UInt8](repeating: 0, count: 100)
      var span = bytes.mutableRawSpan
      let atEnd = try image.read(inode, at: inode.byteCount, into: &span)
      let behind = try image.read(inode, at: .max, into: &span)
      let across = try image.read(inode, at: inode.byteCount - 30, into: &span)
      #expect(atEnd == 0 && behind == 0 && across == 30)
    }
  }

  @Test func `only files with content can be read`() throws {
    let (_, image, device) = try Self.open("plain", "special/chr")
    var bytes = [UInt8](repeating: 0, count: 1)
    #expect(throws: ReadError.self) {
      var span = bytes.mutableRawSpan
      _ = try image.read(device, at: 0, into: &span)
    }
    #expect(throws: ReadError.self) { try image.symbolicLinkTarget(device) }
    #expect(throws: ReadError.self) { try image.readDirectory(device, from: 0) { _, _ in true } }
  }

  @Test func `data on a device that was not given is an error of its own`() throws {
    let image = try Image(source: MemorySource(try SharedData.bytes(of: "blobdev.erofs")))
    let inode = try #require(try image.resolve(path: [FileName("big"), FileName("text")]))
    let error = #expect(throws: ReadError.self) { try image.content(of: inode) }
    #expect(error == .format(EROFSError(.missingDevice(1))))
  }
}
