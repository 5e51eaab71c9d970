import ImageCheck
import TestSupport
import Testing

@Suite(.enabled(if: SharedData.hasFixtures, "needs the reference images")) struct CleanImageTests {
  static let names = [
    "48bit-plain", "48bit-zstd", "blobdev", "chunk-4k", "chunk-64k-index", "compact-inodes",
    "deflate", "extended-inodes", "fingerprint-lz4", "fingerprint-trusted", "inline-off", "lz4",
    "lz4-allfrag-dedupe", "lz4-dedupe", "lz4-dirs", "lz4-frag", "lz4-legacy", "lz4-tail",
    "lz4hc-big", "lzma", "metabox", "plain", "plain-b1024", "plain-b512", "two-algs",
    "xattr-prefix", "zstd",
  ]

  @Test(arguments: names) func `a sound image has no fault`(name: String) throws {
    let faults = try Damage(to: name, keepsChecksum: true).faults(digests: true)
    #expect(faults.map(\.description) == [])
  }
}
