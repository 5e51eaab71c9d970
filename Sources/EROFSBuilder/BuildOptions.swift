internal import Bytes
package import EROFS

/// What contents are compressed with, and how hard it tries.
package enum CompressionEffort: Hashable, Sendable {
  /// LZ4: an extent is as long as its cluster has room for.
  case fast
  /// LZ4HC at this level, from 1 to 12; the same format.
  case high(level: Int)
  /// zstd at this level, from 1 to 22: an extent has a cluster's bytes, and takes what blocks it
  /// needs.
  case zstd(level: Int)

  package var algorithm: CompressionAlgorithm {
    switch self {
    case .fast, .high: .lz4
    case .zstd: .zstd
    }
  }
}

/// How regular files are compressed.
package struct CompressionSettings: Hashable, Sendable {
  /// Nil: not at all.
  package var effort: CompressionEffort?
  /// What the data of an extent takes at most, a multiple of the block size, up to 1 MiB.
  package var clusterByteCount: Int
  /// What an extent decodes to at most; nil: as much as fits its cluster.
  package var extentByteCountLimit: Int?

  /// What an extent of a fixed length has; zstd's are whole blocks.
  func extentByteCount(blockByteCount: Int) -> Int {
    min(clusterByteCount, extentByteCountLimit ?? clusterByteCount)
      .roundedDown(toMultipleOf: blockByteCount)
  }

  package init(
    effort: CompressionEffort?, clusterByteCount: Int, extentByteCountLimit: Int? = nil
  ) {
    self.effort = effort
    self.clusterByteCount = clusterByteCount
    self.extentByteCountLimit = extentByteCountLimit
  }
}

/// What an image is to be like; every option is part of what decides its bytes but `threadCount`.
package struct BuildOptions: Sendable {
  /// The attribute of a file's fingerprint: upstream's hidden name.
  package static let hiddenFingerprintName = Array("erofs.fingerprint.v1".utf8)

  /// From 9 to 16; Linux mounts no larger blocks than its pages.
  package var blockSizeBits: UInt8 = 12
  package var compression = CompressionSettings(effort: nil, clusterByteCount: 4096)
  /// The first rule whose pattern matches a path decides over `compression`.
  package var hints: [CompressionHint] = []
  /// Whether the last extent of a compressed file may lie beside its inode.
  package var packsTails = false
  /// A power of two: files are cut into chunks of this size, and equal chunks are stored once.
  package var chunkByteCount: Int?
  /// The attribute that regular files carry their SHA-256 in; nil: they carry none.
  package var fingerprintName: [UInt8]?
  /// 16 bytes; nil: made from what the image holds.
  package var uuid: [UInt8]?
  package var volumeName: [UInt8] = []
  /// The modification time of every file; nil: each its own.
  package var time: Timestamp?
  /// The owner of every file; nil: each its own.
  package var userID: UInt32?
  package var groupID: UInt32?
  /// Paths from the root, in the order in which their contents are to be laid out before others.
  package var order: [[UInt8]] = []
  /// How many threads read and compress.
  package var threadCount = 1

  package init() {}

  package var blockByteCount: Int { 1 << Int(blockSizeBits) }

  /// Everything that some file may be compressed with.
  var settings: [CompressionSettings] { [compression] + hints.map(\.settings) }

  /// The greatest cluster that a file may have, in bytes.
  var greatestClusterByteCount: Int {
    settings.reduce(0) { max($0, $1.clusterByteCount) }
  }

  var algorithms: Set<CompressionAlgorithm> { Set(settings.compactMap(\.effort?.algorithm)) }

  var compresses: Bool { !algorithms.isEmpty }
}
