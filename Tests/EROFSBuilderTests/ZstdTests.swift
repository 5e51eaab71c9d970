import Bytes
import Codecs
import EROFS
import EROFSBuilder
import EROFSReader
import Foundation
import TestSupport
import Testing

extension OptionCase {
  private static func settings(
    _ clusterByteCount: Int, level: Int = 3, limit: Int? = nil
  ) -> CompressionSettings {
    CompressionSettings(
      effort: .zstd(level: level), clusterByteCount: clusterByteCount, extentByteCountLimit: limit)
  }

  /// Images with extents of zstd.
  static let zstd: [OptionCase] = [
    OptionCase("zstd, 64 KiB") { $0.compression = settings(65_536) },
    OptionCase("zstd, 1 MiB, tails") {
      $0.compression = settings(1 << 20, level: 1)
      $0.packsTails = true
    },
    OptionCase("zstd, 16 KiB, tails, short extents, fingerprints") {
      $0.compression = settings(16_384, level: 9, limit: 10_000)
      $0.packsTails = true
      $0.fingerprintName = BuildOptions.hiddenFingerprintName
    },
    OptionCase("zstd in clusters of a block, tails") {
      $0.compression = settings(4096)
      $0.packsTails = true
    },
    OptionCase("zstd and LZ4") {
      $0.compression = settings(131_072)
      $0.hints = [
        CompressionHint(
          pattern: Array("*1".utf8),
          settings: CompressionSettings(effort: .fast, clusterByteCount: 16_384)),
        CompressionHint(
          pattern: Array("*2".utf8),
          settings: CompressionSettings(effort: nil, clusterByteCount: 4096)),
      ]
    },
  ]
}

/// What images with zstd promise beyond those of ``OptionTests``.
@Suite struct ZstdTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    try FileManager.default.createDirectory(
      atPath: directory.file("tree"), withIntermediateDirectories: false)
  }

  private func image(_ compression: CompressionSettings) throws -> Image {
    var options = BuildOptions()
    options.compression = compression
    let built = try BuiltImage.build(
      options, of: directory.file("tree"), at: directory.file("image"))
    return try Image(source: MemorySource(built.bytes))
  }

  @Test func `extents have a cluster of input each, and start at blocks`() throws {
    let text = Array(String(repeating: "some text that repeats; ", count: 20_000).utf8)
    try directory.write(text, to: "tree/file")
    let image = try image(CompressionSettings(effort: .zstd(level: 3), clusterByteCount: 65_536))
    let inode = try #require(try image.resolve(path: [FileName("file")]))
    let extents = try image.extents(of: inode)
    #expect(extents.dropLast().allSatisfy { $0.byteCount == 65_536 })
    #expect(extents.allSatisfy { $0.kind == .compressed(.zstd) && $0.storedByteCount == 4096 })
    #expect(image.superblock.incompatibleFeatures == [.zeroPadding, .compressionConfigurations])
    #expect(image.superblock.compression.allows(.zstd))
    #expect(!image.superblock.compression.allows(.lz4))
  }

  @Test func `what does not become smaller is stored as it is`() throws {
    var generator = SeededGenerator(for: "zstd of random bytes")
    try directory.write(generator.bytes(count: 5_000_000), to: "tree/file")
    let image = try image(CompressionSettings(effort: .zstd(level: 3), clusterByteCount: 65_536))
    let inode = try #require(try image.resolve(path: [FileName("file")]))
    #expect(inode.dataLayout == .inline)
    #expect(image.superblock.incompatibleFeatures == [])
  }
}
