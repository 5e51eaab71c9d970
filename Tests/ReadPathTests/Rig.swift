import BlockStore
import Bytes
import Foundation
import Linux
import ReadPath
import TestSupport
import Testing

/// A cache in a directory, open with tiers of its own.
final class Rig: Sendable {
  let directory: TemporaryDirectory
  let store: CacheStore
  let tiers: Tiers

  /// Opens the cache in `directory`, which is made when it is new.
  init(
    in directory: TemporaryDirectory, slotCount: Int = 1024, blockByteCount: Int = 65536,
    memoryByteCount: Int = 256 << 20, threadCount: Int = 4
  ) throws {
    self.directory = directory
    store = try CacheStore(
      opening: directory.file("cache"),
      creatingWith: StoreConfiguration(
        capacityByteCount: UInt64(slotCount * blockByteCount), blockByteCount: blockByteCount,
        fillWait: 60_000_000_000))
    tiers = Tiers(
      memory: BlockMemory(budgetByteCount: memoryByteCount), store: store,
      queue: try FetchQueue(threadCount: threadCount))
  }

  /// Everything in its order; what was fetched is on disk afterwards.
  func close() throws {
    tiers.queue.close()
    try store.flush()
    store.close()
  }

  /// Opens `origin` for one go at it and closes the cache again.
  static func once<Result>(
    in directory: TemporaryDirectory, _ origin: ScriptedOrigin, blockByteCount: Int = 65536,
    _ body: (Rig, CachedObject) throws -> Result
  ) throws -> Result {
    let rig = try Rig(in: directory, blockByteCount: blockByteCount)
    let result = try body(rig, try rig.tiers.open(origin))
    try rig.close()
    return result
  }

  func description(of origin: ScriptedOrigin) -> ObjectDescription? {
    store.find(key: Array(origin.name.utf8))
  }

  /// Waits for so many blocks to wait in the queue; false when they do not come.
  func waitForQueue(demanded: Int, ahead: Int = 0) -> Bool {
    eventually { self.tiers.queue.waitingBlockCounts == (demanded, ahead) }
  }
}

extension CachedObject {
  /// `count` bytes from `offset`.
  func bytes(at offset: UInt64, count: Int) throws(ReadPathError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xEE, count: count)
    var span = bytes.mutableRawSpan
    try fill(&span, at: offset)
    return bytes
  }

  /// Whether `count` bytes from `offset` are those of version `tag`.
  func isRight(at offset: UInt64, count: Int, tag: Int = 1) throws(ReadPathError) -> Bool {
    try bytes(at: offset, count: count)
      == ScriptedOrigin.content(offset..<offset + UInt64(count), tag: tag)
  }

  /// Whether all of `block` is as version `tag` has it.
  func isRight(block: Int, tag: Int = 1) throws(ReadPathError) -> Bool {
    let start = UInt64(block * blockByteCount)
    return try isRight(
      at: start, count: Int(min(UInt64(blockByteCount), byteCount - start)), tag: tag)
  }
}

/// Runs `body` on a thread of its own: reads must not be made from the cooperative pool.
func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
  try await withTaskExecutorPreference(ThreadExecutor()) { try body() }
}

/// Runs each job on a new thread; unlike a thread begun in a test, its job is still the test's.
private final class ThreadExecutor: TaskExecutor {
  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    Foundation.Thread.detachNewThread {
      job.runSynchronously(on: self.asUnownedTaskExecutor())
    }
  }
}

/// Threads at work, each with what it came to.
final class Crew<Outcome: Sendable>: Sendable {
  private let outcomes: Lock<[Int: Outcome]>
  private let threads: [Linux.Thread]

  /// Runs `body` on `count` threads, with their numbers from 0 on.
  init(_ count: Int, _ body: @escaping @Sendable (Int) -> Outcome) throws {
    let outcomes = Lock<[Int: Outcome]>([:])
    self.outcomes = outcomes
    threads = try (0..<count).map { index in
      try Linux.Thread(name: "reader-\(index)") {
        let outcome = body(index)
        outcomes.withLock { $0[index] = outcome }
      }
    }
  }

  /// Waits for all; their outcomes in the order of their numbers.
  func join() -> [Outcome] {
    for thread in threads { thread.join() }
    return outcomes.withLock { outcomes in
      outcomes.sorted { $0.key < $1.key }.map(\.value)
    }
  }
}

/// Whether `condition` comes true within half a minute, which is far longer than it takes.
func eventually(_ condition: () -> Bool) -> Bool {
  let deadline = MonotonicClock.now + 30_000_000_000
  while !condition() {
    if MonotonicClock.now > deadline { return false }
    Linux.Thread.sleep(milliseconds: 1)
  }
  return true
}

/// The error of a read, or nil when it succeeds.
func failure(_ read: () throws -> some Any) -> ReadPathError? {
  do {
    _ = try read()
  } catch let error as ReadPathError {
    return error
  } catch {
    Issue.record(error)
  }
  return nil
}

extension ReadPathError {
  /// Whether the origin failed with `code`.
  func isOrigin(_ code: OriginError.Code) -> Bool {
    if case .origin(let error) = self { error.code == code } else { false }
  }
}
