internal import Bytes
internal import EROFS
internal import TreeSources

/// Cuts the contents of a plan into jobs, in order: parts of large files, and runs of small ones.
///
/// The cuts depend on the tree and the options only, so threads make no difference to the image.
final class JobQueue: @unchecked Sendable {
  /// Large enough that the cluster cut short at the end of a segment does not matter.
  static let segmentByteCount = 4 << 20
  /// What a job of small files may take in blocks.
  private static let batchByteCount = 1 << 20

  private let plan: TreePlan
  private let files: [Int]
  private let segmentByteCount: UInt64
  // Guarded by the pipeline, which asks for one job at a time.
  private var nextFile = 0
  private var nextOffset: UInt64 = 0

  /// The jobs of a plan, without the contents at the positions `skipped`.
  init(_ plan: TreePlan, skipping skipped: Set<Int> = []) {
    self.plan = plan
    files = plan.contentOrder.filter { !skipped.contains($0) }
    segmentByteCount = UInt64(Self.segmentByteCount(plan.options))
  }

  /// The most that a segment has: chunks are never cut.
  static func segmentByteCount(_ options: BuildOptions) -> Int {
    max(segmentByteCount, options.chunkByteCount ?? 0)
  }

  /// The next job, or nil when there is none.
  func next() -> [Segment]? {
    var job: [Segment] = []
    var byteCount = 0
    let block = plan.options.blockByteCount
    while nextFile < files.count {
      let inode = files[nextFile]
      guard case .regular(let content) = plan.node(at: inode).content,
        let treatment = plan.inodes[inode].treatment
      else { preconditionFailure("content of what is no regular file") }
      let end = min(content.byteCount, nextOffset + segmentByteCount)
      let room = Int(end - nextOffset).roundedUp(toMultipleOf: block)
      guard job.isEmpty || byteCount + room <= Self.batchByteCount else { return job }
      job.append(
        Segment(
          inode: inode, content: content, treatment: treatment, range: nextOffset..<end,
          fileByteCount: content.byteCount,
          tailByteCountLimit: tailByteCountLimit(inode, treatment, content.byteCount),
          needsDigest: plan.inodes[inode].hasFingerprint))
      byteCount += room
      nextOffset = end
      if end == content.byteCount {
        nextFile += 1
        nextOffset = 0
      }
    }
    return job.isEmpty ? nil : job
  }

  private func tailByteCountLimit(
    _ inode: Int, _ treatment: Treatment, _ byteCount: UInt64
  ) -> Int {
    guard plan.options.packsTails, case .compressed = treatment else { return 0 }
    let head = plan.headByteCount(at: inode)
    let map = plan.clusterMap(fileByteCount: byteCount)
    // The end of a block is never a tail's: the format has no length for it.
    return min(
      plan.options.blockByteCount - 1,
      max(0, plan.options.blockByteCount - head - map.byteCount(behind: UInt64(head))))
  }
}

extension TreePlan {
  /// Whether some file may have clusters of several blocks.
  var hasBigClusters: Bool {
    base?.hasBigClusters == true
      || options.compresses && options.greatestClusterByteCount > options.blockByteCount
  }

  /// The map of a compressed file of this size.
  func clusterMap(
    fileByteCount: UInt64, inlineByteCount: Int = 0, algorithm: CompressionAlgorithm = .lz4
  ) -> ClusterMapFields {
    ClusterMapFields(
      blockSizeBits: options.blockSizeBits, fileByteCount: fileByteCount,
      isCompact: ClusterMapFields.allowsCompact(blockSizeBits: options.blockSizeBits),
      hasBigClusters: hasBigClusters, inlineByteCount: inlineByteCount, algorithm: algorithm)
  }
}
