import Bytes
import EROFS
import EROFSReader
import ImageCheck

/// What libFuzzer runs: everything that can be asked of an image, of the bytes that it made up.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ byteCount: Int) -> CInt {
  guard let start, byteCount > 0 else { return 0 }
  let bytes = unsafe [UInt8](UnsafeBufferPointer(start: start, count: byteCount))
  let input = FuzzedImage(bytes)
  input.check()
  input.readEverything()
  return 0
}

/// An image of an input: the superblock is made right where all others would end there.
struct FuzzedImage {
  private let source: MemorySource

  init(_ bytes: [UInt8]) {
    var bytes = bytes
    if bytes.count >= Superblock.offset + Superblock.byteCount {
      var span = bytes.mutableRawSpan
      span.store(Superblock.magic, atByteOffset: Superblock.offset)
      // Without a checksum, which no mutation would get right.
      bytes[Superblock.offset + 8] &= ~1
    }
    source = MemorySource(bytes)
  }

  func check() {
    guard let image = try? Image(source: source) else { return }
    let checker = ImageChecker(image, verifiesFingerprints: true) { _ in }
    _ = try? checker.run()
  }

  /// Reads like a mount: names, attributes, links, and pieces of content.
  func readEverything() {
    guard let image = try? Image(source: source) else { return }
    var walk = TreeWalk(image)
    var piece = [UInt8](repeating: 0, count: 5000)
    for _ in 0..<200 {
      guard let entry = try? walk.next() else { return }
      let inode = entry.inode
      _ = try? image.extendedAttribute(named: Array("user.a".utf8).rawSpan, of: inode)
      _ = try? image.symbolicLinkTarget(inode)
      _ = try? image.lookUp(Array("a".utf8).rawSpan, in: inode)
      for offset in [0, inode.byteCount / 2, inode.byteCount - min(inode.byteCount, 3000)] {
        var span = piece.mutableRawSpan
        _ = try? image.read(inode, at: offset, into: &span)
      }
    }
  }
}
