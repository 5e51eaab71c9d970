import Bytes
import EROFS
import EROFSReader
import TestSupport
import Testing

@Suite(.enabled(if: SharedData.hasFixtures)) struct MutationTests {
  /// Reads everything that can be read, with bounds on time; errors are what it is about.
  private static func readEverything(of image: Image) {
    var walk = TreeWalk(image)
    var budget = 20_000
    var bytes = [UInt8](repeating: 0, count: 32 << 10)
    var failures = 0
    while budget > 0 {
      budget -= 1
      let entry: TreeEntry?
      do { entry = try walk.next() } catch {
        failures += 1
        if failures > 4000 { return }
        continue
      }
      guard let entry else { return }
      let inode = entry.inode
      _ = try? image.extendedAttributes(inode)
      _ = try? image.extendedAttribute(named: Array("user.k0".utf8).rawSpan, of: inode)
      _ = try? image.fingerprint(of: inode)
      switch inode.fileType {
      case .symbolicLink: _ = try? image.symbolicLinkTarget(inode)
      case .directory: _ = try? image.lookUp(Array("text-11".utf8).rawSpan, in: inode)
      default: break
      }
      guard inode.fileType == .regular else { continue }
      for offset in [0, inode.byteCount / 2, inode.byteCount - min(inode.byteCount, 5000)] {
        var span = bytes.mutableRawSpan
        _ = try? image.read(inode, at: offset, into: &span)
      }
      _ = try? image.extents(of: inode)
    }
  }

  /// The byte ranges of an image that hold metadata, where a change matters most.
  private static func metadataUnits(of bytes: [UInt8]) throws -> [Range<UInt64>] {
    let source = CountingSource(bytes)
    let image = try Image(source: source)
    var walk = TreeWalk(image)
    while let entry = try walk.next() {
      _ = try image.extendedAttributes(entry.inode)
      if entry.inode.fileType == .regular { _ = try image.extents(of: entry.inode) }
    }
    return source.takeReads()
  }

  @Test(
    .timeLimit(.minutes(10)),
    arguments: [
      "plain", "chunk-4k", "chunk-64k-index", "lz4", "lz4-legacy", "lz4-tail", "lz4-frag",
      "lz4-dirs", "lz4hc-big", "lz4-allfrag-dedupe", "48bit-plain", "48bit-zstd", "xattr-prefix",
      "fingerprint-lz4",
    ])
  func `a damaged image is an error, never a trap`(name: String) throws {
    var generator = SeededGenerator(for: "damaged \(name)")
    let intact = try SharedData.bytes(of: "\(name).erofs")
    let units = try Self.metadataUnits(of: intact)
    let roundCount = environmentValue("CULLET_MUTATION_ROUNDS").flatMap { Int($0) } ?? 12
    for round in 0..<roundCount {
      var bytes = intact
      let changeCount = 1 << Int.random(in: 0...9, using: &generator)
      for _ in 0..<changeCount {
        // Blocks of metadata mostly; the superblock seldom, for most of its changes end it all.
        let unit = units.randomElement(using: &generator) ?? 0..<1
        var position = Int(UInt64.random(in: unit, using: &generator))
        if position < 1280, round % 4 != 0 { position += 1280 }
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: bytes[position] = .random(in: 0...255, using: &generator)
        case 2:
          let end = min(bytes.count, position + Int.random(in: 1...16, using: &generator))
          for index in position..<end { bytes[index] = 0xFF }
        default:
          let from = Int.random(in: 0..<bytes.count - 64, using: &generator)
          let count = min(32, bytes.count - position)
          bytes.replaceSubrange(
            position..<position + count, with: Array(bytes[from..<from + count]))
        }
      }
      if round % 4 == 0 { bytes[1024 + 8] &= ~1 }  // without a checksum, for the rest to matter
      guard let image = try? Image(source: MemorySource(bytes)) else { continue }
      Self.readEverything(of: image)
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func `a shortened image is an error, never a trap`() throws {
    var generator = SeededGenerator(for: "shortened")
    for name in ["plain", "lz4-frag", "chunk-4k"] {
      let intact = try SharedData.bytes(of: "\(name).erofs")
      for _ in 0..<20 {
        let count = Int.random(in: 0...intact.count, using: &generator)
        guard let image = try? Image(source: MemorySource(Array(intact.prefix(count)))) else {
          continue
        }
        Self.readEverything(of: image)
      }
    }
  }
}
