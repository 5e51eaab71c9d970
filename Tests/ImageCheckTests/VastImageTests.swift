import Bytes
import EROFSReader
import ImageCheck
import TestSupport
import Testing

/// An image with zeros behind it, up to a size that no storage has.
private struct VastSource: BlockSource {
  let image: MemorySource
  let byteCount: UInt64

  func read(into target: inout MutableRawSpan, at offset: UInt64) throws(SourceError) {
    target.zero(0..<target.byteCount)
    guard offset < image.byteCount else { return }
    let count = min(UInt64(target.byteCount), image.byteCount - offset)
    var head = target[bytes: 0..<Int(count)]
    try image.read(into: &head, at: offset)
  }
}

@Suite(.enabled(if: SharedData.hasFixtures, "needs the reference images")) struct VastImageTests {
  @Test(arguments: [UInt64.max, UInt64.max / 8, 1 << 61])
  func `a source of any size can be checked`(byteCount: UInt64) throws {
    let source = VastSource(
      image: MemorySource(try Damage(to: "plain").bytes), byteCount: byteCount)
    let image = try Image(source: source)
    var faults: [String] = []
    let checker = ImageChecker(image, verifiesFingerprints: false) { fault in
      faults.append("\(fault)")
    }
    let summary = try checker.run()
    #expect(summary.inodes > 1000)
    #expect(faults == [])
  }
}
