internal import Bytes
internal import Codecs
internal import EROFS
internal import EROFSReader
internal import Linux
package import TreeSources

/// Makes an image of a tree.
///
/// ```
/// var builder = ImageBuilder(options)
/// let summary = try builder.build(tree, to: "image.erofs")
/// ```
///
/// The same tree and options give the same bytes, whatever the number of threads. Memory grows with
/// the number of files and, for chunked files, of chunks, but not with what files hold.
package struct ImageBuilder {
  /// What a build did so far, for whoever waits.
  package struct Progress: Sendable {
    package var doneByteCount: UInt64
    package var byteCount: UInt64
  }

  private let options: BuildOptions
  private let base: BaseImage?
  private let onProgress: (Progress) -> Void

  /// A builder; `onProgress` is called on the thread that builds, after every job.
  ///
  /// Contents that `base` has are not stored again; whoever mounts the image gives it the base as
  /// its extra device.
  package init(
    _ options: BuildOptions, base: BaseImage? = nil,
    onProgress: @escaping (Progress) -> Void = { _ in }
  ) {
    self.options = options
    self.base = base
    self.onProgress = onProgress
  }

  /// Builds the image of `tree` at `path`, in place of any file there.
  ///
  /// Until it is complete the path shows what was there before; after an error it still does.
  package func build(
    _ tree: SourceTree, to path: String
  ) throws(BuildError) -> BuildSummary {
    let start = MonotonicClock.now
    if let base, base.image.superblock.blockSizeBits != options.blockSizeBits {
      throw .limit("the base image has blocks of another size")
    }
    let plan = try TreePlan(tree, options, base: base)
    let head = HeadLayout(plan)
    var file = try writing { () throws(SystemError) in try UnpublishedFile(at: path) }
    let expected = try MetadataLayout(plan, records: nil, firstOffset: head.byteCount)
    let dataOffset = expected.end + plan.metadataSlackByteCount
    let content = ContentBox(
      ContentWriter(plan, dataOffset: dataOffset, spill: Spill(beside: path)))
    var taken: Set<Int> = []
    if let base { taken = try content.writer.takeMatches(try BaseMatching(plan, base), from: base) }
    let copy = try writing { () throws(SystemError) in try file.descriptor.duplicate() }
    try writeContents(plan, skipping: taken, content, to: copy)
    var layout = try MetadataLayout(
      plan, records: content.writer.records, firstOffset: head.byteCount)
    let blockBits = UInt64(options.blockSizeBits)
    let dataByteCount = content.writer.blockCount << blockBits
    layout.extend(to: dataOffset, dataByteCount: dataByteCount)
    try DataMove(from: dataOffset, to: layout.end, byteCount: dataByteCount)
      .run(in: file.descriptor)
    let contentDigest = content.writer.finishHash()
    let imageByteCount = layout.end + dataByteCount
    let imageBlockCount = imageByteCount >> blockBits
    guard imageBlockCount + (base?.blockCount ?? 0) < UInt64(UInt32.max) else {
      throw .limit("the image, with its base, has more than 2^32 blocks")
    }
    let metadataDigest = try MetadataWriter(
      plan, layout, records: content.writer.records, digests: content.writer.digests,
      baseBlock: UInt32(imageBlockCount), baseContents: taken
    ).write(to: file.descriptor, reading: content.writer.spill)
    let identity = SHA256.digest(of: (contentDigest.bytes + metadataDigest.bytes).rawSpan)
    try head.write(
      layout, algorithms: Set(content.writer.records.compactMap(\.algorithm)),
      isChunked: content.writer.records.contains { $0.isChunked },
      identity: identity, imageByteCount: imageByteCount, to: file.descriptor)
    try writing { () throws(SystemError) in try file.publish() }
    var summary = content.writer.summary
    summary.files = plan.inodes.count
    summary.imageBytes = imageByteCount
    summary.seconds = Double(MonotonicClock.now - start) / 1e9
    return summary
  }

  private func writeContents(
    _ plan: TreePlan, skipping taken: Set<Int>, _ content: ContentBox,
    to file: consuming FileDescriptor
  ) throws(BuildError) {
    let queue = JobQueue(plan, skipping: taken)
    let segmentByteCount = JobQueue.segmentByteCount(options)
    // A segment of whole blocks, or a batch, which is smaller.
    let pool = BufferPool(byteCount: segmentByteCount + options.blockByteCount)
    let doneByteCount = Lock<UInt64>(0)
    let output = OutputFile(file)
    let options = options
    let pipeline = OrderedPipeline<[Segment], PackedJob, PlacedJob>(
      // Enough for every thread to go on while the results before its own are awaited.
      windowCount: 2 * options.threadCount + 2,
      steps: .init {
        let packer = PackerBox(
          SegmentPacker(options: options, pool: pool, segmentByteCount: segmentByteCount))
        return { job throws(BuildError) in try packer.packer.pack(job) }
      } place: { job throws(BuildError) in
        let placed = try content.writer.place(job)
        let byteCount = content.writer.summary.bytes
        doneByteCount.withLock { $0 = byteCount }
        return placed
      } finish: { placed throws(BuildError) in
        try placed.write(to: output.descriptor)
        pool.put(placed.output)
      }
    ) { queue.next() }
    try pipeline.run(threadCount: options.threadCount) {
      onProgress(
        Progress(
          doneByteCount: doneByteCount.withLock { $0 }, byteCount: plan.contentByteCount))
    }
  }
}

extension TreePlan {
  /// What metadata may take beyond the guess before contents have to be moved: files that do not
  /// compress have tails beside their inodes.
  fileprivate var metadataSlackByteCount: UInt64 {
    guard options.compresses else { return 0 }
    return (contentByteCount / 1024).roundedDown(toMultipleOf: UInt64(options.blockByteCount))
  }
}

/// What the pipeline places contents by; guarded by it, for it places one job at a time.
private final class ContentBox: @unchecked Sendable {
  var writer: ContentWriter

  init(_ writer: consuming ContentWriter) {
    self.writer = writer
  }
}

/// The image, for the threads that write it.
private final class OutputFile: Sendable {
  let descriptor: FileDescriptor

  init(_ descriptor: consuming FileDescriptor) {
    self.descriptor = descriptor
  }
}

/// Lets a closure keep what cannot be copied.
private final class PackerBox {
  var packer: SegmentPacker

  init(_ packer: consuming SegmentPacker) {
    self.packer = packer
  }
}
