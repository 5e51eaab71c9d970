internal import Bytes
internal import Codecs
internal import EROFS
internal import TreeSources

/// Which files of a plan the base has already, found by the digests of contents.
struct BaseMatching {
  /// A file whose digest is wanted.
  private enum Job: Sendable {
    case base(Inode)
    case new(position: Int, FileContent)
  }

  /// The file of the base for a position of the plan, and the digest of both.
  private(set) var matches: [Int: (inode: Inode, digest: Digest)] = [:]

  /// Compares files of equal size only; contents are read by the plan's threads.
  init(_ plan: TreePlan, _ base: BaseImage) throws(BuildError) {
    let positions = plan.contentOrder.filter {
      base.hasFile(byteCount: plan.byteCount(ofFileAt: $0))
    }
    let sizes = Set(positions.map { plan.byteCount(ofFileAt: $0) })
    let jobs =
      base.files(byteCounts: sizes).map { Job.base($0) }
      + positions.compactMap { position in
        guard case .regular(let content) = plan.node(at: position).content else { return nil }
        return Job.new(position: position, content)
      }
    let queue = Queue(jobs)
    let pipeline = OrderedPipeline<Job, (Job, Digest)>(
      windowCount: 2 * plan.options.threadCount + 2
    ) { queue.next() }
    var known: [Digest: Inode] = [:]
    var found: [Int: (inode: Inode, digest: Digest)] = [:]
    try pipeline.run(threadCount: plan.options.threadCount) {
      { job throws(BuildError) in
        switch job {
        case .base(let inode): return (job, try base.digest(of: inode))
        case .new(_, let content): return (job, try Self.digest(of: content))
        }
      }
    } consume: { result throws(BuildError) in
      switch result.0 {
      case .base(let inode): if known[result.1] == nil { known[result.1] = inode }
      case .new(let position, _):
        if let inode = known[result.1] { found[position] = (inode, result.1) }
      }
    }
    matches = found
  }

  private static func digest(of content: FileContent) throws(BuildError) -> Digest {
    do throws(TreeSourceError) {
      let reader = try content.open()
      var hash = SHA256()
      var buffer = [UInt8](
        repeating: 0, count: Int(min(UInt64(JobQueue.segmentByteCount), content.byteCount)))
      var offset: UInt64 = 0
      while offset < content.byteCount {
        let count = Int(min(UInt64(buffer.count), content.byteCount - offset))
        var span = buffer.mutableRawSpan
        var target = span[bytes: 0..<count]
        try reader.read(into: &target, at: offset)
        hash.update(buffer.rawSpan.extracting(0..<count))
        offset += UInt64(count)
      }
      return hash.finish()
    } catch {
      throw .source(error)
    }
  }

  private final class Queue: @unchecked Sendable {
    // Guarded by the pipeline, which asks for one job at a time.
    private var jobs: ArraySlice<Job>

    init(_ jobs: [Job]) {
      self.jobs = jobs[...]
    }

    func next() -> Job? { jobs.popFirst() }
  }
}
