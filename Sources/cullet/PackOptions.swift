internal import ArgumentParser
internal import Bytes
internal import Codecs
internal import EROFS
internal import EROFSBuilder
internal import Linux
internal import Node

/// How `cullet pack` lays contents out.
struct PackLayoutOptions: ParsableArguments {
  @Option(
    help: "none, lz4, lz4hc[,level=N] with N from 1 to 12, or zstd[,level=N] with N from 1 to 22.")
  var compress = "none"
  @Option(
    help: """
      What a compressed extent takes at most, and what one of zstd has before compression: a power \
      of two up to 1M (default: a block, and 64K for zstd).
      """)
  var clusterSize: ByteSize?
  @Option(help: "What a compressed extent decodes to at most, for cheaper random reads.")
  var maxExtent: ByteSize?
  @Flag(help: "Keep the compressed ends of files beside their inodes.") var tailPacking = false
  @Option(
    help: "Lines of PATTERN, compression as above, and cluster-size=N or max-extent=N or both.")
  var hints: String?
  @Option(help: "Cut files into chunks of this power of two, and store equal ones once.")
  var chunkSize: ByteSize?
  @Option(help: "The block size: a power of two from 512 to 64K; Linux mounts up to 4K.")
  var blockSize = ByteSize(byteCount: 4096)
  @Option(help: "A list of paths, one a line: their contents come first, in this order.")
  var order: String?

  func apply(to options: inout BuildOptions) throws {
    options.blockSizeBits = UInt8(
      try Self.powerOfTwo(blockSize, in: 512...65_536, "--block-size").trailingZeroBitCount)
    let block = options.blockByteCount
    options.compression = try CompressionSettings(
      parsing: [compress] + Self.words(clusterSize, maxExtent), blockByteCount: block)
    options.packsTails = tailPacking
    if let chunkSize {
      guard options.compression.effort == nil, hints == nil else {
        throw Failure(.usage, "--chunk-size does not go together with compression")
      }
      options.chunkByteCount = try Self.powerOfTwo(
        chunkSize, in: UInt64(block)...(64 << 20), "--chunk-size")
    }
    if let hints { options.hints = try Self.readHints(hints, blockByteCount: block) }
    if let order {
      options.order = try Self.lines(of: order).map { line in
        Array(line.drop { $0 == UInt8(ascii: "/") })
      }
    }
  }

  private static func words(_ clusterSize: ByteSize?, _ maxExtent: ByteSize?) -> [String] {
    (clusterSize.map { ["cluster-size=\($0.byteCount)"] } ?? [])
      + (maxExtent.map { ["max-extent=\($0.byteCount)"] } ?? [])
  }

  private static func powerOfTwo(
    _ size: ByteSize, in range: ClosedRange<UInt64>, _ option: String
  ) throws -> Int {
    guard range.contains(size.byteCount), size.byteCount.nonzeroBitCount == 1 else {
      throw Failure(
        .usage,
        "\(option) \(size.byteCount): a power of two from \(range.lowerBound) to \(range.upperBound)"
      )
    }
    return Int(size.byteCount)
  }

  private static func lines(of path: String) throws -> [ArraySlice<UInt8>] {
    let file = try FileDescriptor(opening: path, .readOnly)
    let bytes = try file.read(byteCount: Int(try file.readableByteCount()), at: 0)
    return bytes.split(separator: UInt8(ascii: "\n"))
  }

  private static func readHints(
    _ path: String, blockByteCount: Int
  ) throws -> [CompressionHint] {
    try lines(of: path).compactMap { line in
      let words = line.split(separator: UInt8(ascii: " "))
      guard let pattern = words.first, pattern.first != UInt8(ascii: "#") else { return nil }
      guard words.count > 1 else {
        throw Failure(.usage, "\(path): no compression for \(FileName(Array(pattern)).text)")
      }
      return CompressionHint(
        pattern: Array(pattern),
        settings: try CompressionSettings(
          parsing: words.dropFirst().map { String(decoding: $0, as: UTF8.self) },
          blockByteCount: blockByteCount))
    }
  }
}

extension CompressionSettings {
  /// Reads an algorithm and, behind it, `cluster-size=N` and `max-extent=N`.
  fileprivate init(parsing words: [String], blockByteCount: Int) throws {
    let parts = words.first?.split(separator: ",") ?? []
    var settings = CompressionSettings(effort: nil, clusterByteCount: blockByteCount)
    switch (parts.first, parts.dropFirst().first.flatMap { Self.level($0) }, parts.count) {
    case ("none", _, 1): settings.effort = nil
    case ("lz4", _, 1): settings.effort = .fast
    case ("lz4hc", _, 1): settings.effort = .high(level: LZ4Compressor.defaultLevel)
    case ("lz4hc", let level?, 2) where LZ4Compressor.levels.contains(level):
      settings.effort = .high(level: level)
    case ("zstd", _, 1): settings.effort = .zstd(level: ZstdCompressor.defaultLevel)
    case ("zstd", let level?, 2) where ZstdCompressor.levels.contains(level):
      settings.effort = .zstd(level: level)
    default:
      throw Failure(
        .usage,
        "compression '\(words.first ?? "")': none, lz4, lz4hc[,level=1 to 12] or zstd[,level=1 to 22]"
      )
    }
    if case .zstd = settings.effort { settings.clusterByteCount = max(65_536, blockByteCount) }
    for word in words.dropFirst() {
      let parts = word.split(separator: "=", maxSplits: 1)
      let size = parts.count == 2 ? ByteSize(argument: String(parts[1]))?.byteCount : nil
      switch (parts.first, size) {
      case ("cluster-size", let size?):
        guard (UInt64(blockByteCount)...1 << 20).contains(size), size.nonzeroBitCount == 1 else {
          throw Failure(
            .usage, "cluster size \(size): a power of two from \(blockByteCount) to 1048576")
        }
        settings.clusterByteCount = Int(size)
      case ("max-extent", let size?):
        guard size > UInt64(blockByteCount), size <= 4 << 20 else {
          throw Failure(
            .usage, "longest extent \(size): more than a block of \(blockByteCount), up to 4 MiB")
        }
        settings.extentByteCountLimit = Int(size)
      default:
        throw Failure(.usage, "'\(word)': cluster-size=N or max-extent=N is expected here")
      }
    }
    self = settings
  }

  /// The number in `level=N`.
  private static func level(_ word: Substring) -> Int? {
    word.hasPrefix("level=") ? Int(word.dropFirst(6)) : nil
  }
}

/// What `cullet pack` writes into an image beside contents.
struct PackIdentityOptions: ParsableArguments {
  @Flag(help: "The default: nothing but trees and options decides the image's bytes.")
  var deterministic = false
  @Option(help: "The image's UUID (default: made from what it holds).") var uuid: String?
  @Option(help: "The image's name, up to 16 bytes.") var label = ""
  @Option(help: "Seconds since 1970 that every file was modified at.") var timestamp: Int64?
  @Flag(help: "All files belong to root.") var allRoot = false
  @Option(help: "The user who owns every file.") var uid: UInt32?
  @Option(help: "The group that owns every file.") var gid: UInt32?
  @Flag(help: "Record the SHA-256 of every regular file, by which Linux 7.0 shares pages.")
  var fingerprints = false
  @Option(help: "The attribute that fingerprints are in.")
  var fingerprintName = String(decoding: BuildOptions.hiddenFingerprintName, as: UTF8.self)

  func apply(to options: inout BuildOptions) throws {
    if let uuid {
      let digits = uuid.filter { $0 != "-" }
      let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
        UInt8(digits.dropFirst($0).prefix(2), radix: 16)
      }
      guard digits.count == 32, bytes.count == 16 else {
        throw Failure(.usage, "--uuid \(uuid): 32 hexadecimal digits")
      }
      options.uuid = bytes
    }
    options.volumeName = Array(label.utf8)
    guard options.volumeName.count <= 16 else {
      throw Failure(.usage, "--label \(label): up to 16 bytes")
    }
    options.time = timestamp.map { Timestamp(seconds: $0, nanoseconds: 0) }
    options.userID = allRoot ? 0 : uid
    options.groupID = allRoot ? 0 : gid
    if fingerprints {
      let name = Array(fingerprintName.utf8)
      guard (1...255).contains(name.count) else {
        throw Failure(.usage, "--fingerprint-name: 1 to 255 bytes")
      }
      options.fingerprintName = name
    }
  }
}
