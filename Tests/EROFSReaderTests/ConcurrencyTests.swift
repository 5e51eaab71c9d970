import Bytes
import Codecs
import EROFS
import EROFSReader
import Linux
import Synchronization
import TestSupport
import Testing

@Suite(.enabled(if: SharedData.hasFixtures)) struct ConcurrencyTests {
  @Test(arguments: ["lz4-frag", "lz4hc-big", "chunk-4k", "plain-b512"])
  func `readers at once all see the same`(name: String) throws {
    // Small caches, so that threads displace each other's values all the time.
    var limits = CacheLimits()
    limits.metadataByteCount = 128 << 10
    limits.clusterByteCount = 256 << 10
    limits.mapByteCount = 16 << 10
    limits.inodeCount = 64
    let image = try Image(
      source: MemorySource(try SharedData.bytes(of: "\(name).erofs")), limits: limits)
    let expected = try Fixtures.manifest(of: name)
    let mistakes = Mutex<[String]>([])
    let readCount = Atomic<Int>(0)
    let threads = try (0..<6).map { number in
      try Thread(name: "reader") {
        do {
          var walk = TreeWalk(image)
          while let entry = try walk.next() {
            guard entry.inode.fileType == .regular else { continue }
            let path = String(decoding: entry.path, as: UTF8.self)
            let content = try image.content(of: entry.inode, pieceByteCount: 4096 << number)
            readCount.add(1, ordering: .relaxed)
            if SHA256.digest(of: content.rawSpan).hex != expected[path]?.digest {
              mistakes.withLock { $0.append(path) }
            }
          }
        } catch {
          mistakes.withLock { $0.append("\(error)") }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(mistakes.withLock { $0 } == [])
    #expect(readCount.load(ordering: .relaxed) == 6 * 978)
  }
}
