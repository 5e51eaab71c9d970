internal import Bytes
internal import Codecs
internal import EROFS
internal import Linux
internal import TreeSources

/// Which files of a plan the base has already, found by the digests of contents.
struct BaseMatching {
  /// A file whose digest is wanted.
  private enum Job: Sendable {
    case base(Inode)
    case new(position: Int, FileContent)
  }

  /// More files of equal content are not remembered.
  private static let candidateCountLimit = 16

  /// Files of the base for a position of the plan, in order of their places, and the digest of all.
  ///
  /// There are several since not every one can be named from outside.
  private(set) var matches: [Int: (inodes: [Inode], digest: Digest)] = [:]

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
    let found = Lock(Found())
    let pipeline = OrderedPipeline<Job, (Job, Digest), Void>(
      windowCount: 2 * plan.options.threadCount + 2,
      steps: .init {
        { job throws(BuildError) in
          switch job {
          case .base(let inode): return (job, try base.digest(of: inode))
          case .new(_, let content):
            return (job, try readingSource { () throws(TreeSourceError) in try content.digest() })
          }
        }
      } place: { result throws(BuildError) in
        found.withLock { $0.note(result.0, result.1) }
      } finish: { _ throws(BuildError) in
      }
    ) { queue.next() }
    try pipeline.run(threadCount: plan.options.threadCount)
    matches = found.withLock { $0.matches }
  }

  /// What is known after some of the jobs, in whose order the base's files are first.
  private struct Found {
    var known: [Digest: [Inode]] = [:]
    var matches: [Int: (inodes: [Inode], digest: Digest)] = [:]

    mutating func note(_ job: Job, _ digest: Digest) {
      switch job {
      case .base(let inode):
        guard known[digest, default: []].count < BaseMatching.candidateCountLimit else { return }
        known[digest, default: []].append(inode)
      case .new(let position, _):
        if let inodes = known[digest] { matches[position] = (inodes, digest) }
      }
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
