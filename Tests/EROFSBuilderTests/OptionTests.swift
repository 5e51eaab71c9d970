import Bytes
import Codecs
import EROFSBuilder
import EROFSReader
import Foundation
import TestSupport
import Testing

/// A combination of options, by a name for messages.
struct OptionCase: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let options: BuildOptions

  init(_ name: String, _ change: (inout BuildOptions) -> Void) {
    testDescription = name
    var options = BuildOptions()
    change(&options)
    self.options = options
  }

  private static func lz4(_ clusterByteCount: Int) -> CompressionSettings {
    CompressionSettings(effort: .fast, clusterByteCount: clusterByteCount)
  }

  static let all: [OptionCase] = [
    OptionCase("plain") { _ in },
    OptionCase("LZ4") { $0.compression = lz4(4096) },
    OptionCase("LZ4 with tails") {
      $0.compression = lz4(4096)
      $0.packsTails = true
    },
    OptionCase("LZ4HC, 64 KiB") {
      $0.compression = CompressionSettings(effort: .high(level: 3), clusterByteCount: 65_536)
    },
    OptionCase("LZ4HC, 64 KiB, tails, short extents") {
      $0.compression = CompressionSettings(
        effort: .high(level: 3), clusterByteCount: 65_536, extentByteCountLimit: 100_000)
      $0.packsTails = true
    },
    OptionCase("LZ4, 1 MiB") { $0.compression = lz4(1 << 20) },
    OptionCase("LZ4, blocks of 512") {
      $0.blockSizeBits = 9
      $0.compression = lz4(2048)
    },
    OptionCase("plain, blocks of 1024") { $0.blockSizeBits = 10 },
    OptionCase("chunks of 4 KiB") { $0.chunkByteCount = 4096 },
    OptionCase("chunks of 64 KiB") { $0.chunkByteCount = 65_536 },
    OptionCase("hints") {
      $0.compression = lz4(4096)
      $0.hints = [
        CompressionHint(
          pattern: Array("*1".utf8),
          settings: CompressionSettings(effort: nil, clusterByteCount: 4096)),
        CompressionHint(
          pattern: Array("**/a*".utf8),
          settings: CompressionSettings(effort: .high(level: 1), clusterByteCount: 16_384)),
      ]
    },
  ]

  /// Whether the distribution's tools know such images: no blocks but the kernel's pages, and
  /// nothing new.
  var isCheckable: Bool { options.blockSizeBits == 12 && options.fingerprintName == nil }

  /// Options that the tools of the distribution do not know.
  static let modern: [OptionCase] = [
    OptionCase("fingerprints") { $0.fingerprintName = BuildOptions.hiddenFingerprintName },
    OptionCase("fingerprints, LZ4") {
      $0.compression = lz4(4096)
      $0.fingerprintName = BuildOptions.hiddenFingerprintName
    },
  ]
}

/// Every kind of image, against the kernel, fsck.erofs and our own reader.
@Suite(.serialized) struct OptionTests {
  @Test(arguments: OptionCase.all + OptionCase.modern)
  func `shows the tree it was made of, here, in the kernel and to fsck.erofs`(
    _ option: OptionCase
  ) throws {
    var generator = SeededGenerator(for: "options \(option.testDescription)")
    let tree = try RandomTree(&generator)
    let path = tree.directory.file("image")
    let bytes = try BuiltImage.build(option.options, of: tree.path, at: path).bytes
    let wanted = try TreeSnapshot(of: tree.path)

    let image = try Image(source: MemorySource(bytes))
    for (name, digest) in try BuiltImage.digests(of: image) {
      #expect(digest == wanted.entries[name]?.sha256, "\(FileName(name).text)")
    }
    if BuiltImage.canCheck, option.isCheckable {
      let check = try Command(["fsck.erofs", path])
      #expect(check.status == 0, "\(check.errors)")
    }
    guard KernelImages.canMount else { return }
    let shown = try KernelImages.snapshot(of: path, at: tree.directory.file("mnt"))
    #expect(shown.differences(from: wanted) == [])
  }

  @Test(arguments: OptionCase.all + OptionCase.modern)
  func `is the same whenever and with however many threads it is built`(
    _ option: OptionCase
  ) throws {
    var generator = SeededGenerator(for: "same \(option.testDescription)")
    let tree = try RandomTree(&generator, fileCount: 30)
    var options = option.options
    let first = try BuiltImage.build(options, of: tree.path, at: tree.directory.file("one")).bytes
    options.threadCount = 2
    // A copy lists its names in another order, as far as the filesystem goes.
    let copy = tree.directory.file("copy")
    #expect(try Command(["cp", "-a", tree.path, copy]).status == 0)
    let second = try BuiltImage.build(options, of: copy, at: tree.directory.file("two")).bytes
    #expect(difference(second, first) == nil)
  }
}
