import Foundation
import Linux
import TestSupport

/// Threads that read files over and over, and drop what the kernel has of them every now and then.
final class EndlessReaders: Sendable {
  private struct State {
    var isOver = false
    var readCount = 0
    var failureCount = 0
  }

  private let state = Lock(State())
  private let threads = Lock<[Linux.Thread]>([])

  /// Readers of `files`, which have these contents.
  init(count: Int, of files: [(path: String, content: Data)]) throws {
    let state = state
    for number in 0..<count {
      let thread = try Linux.Thread(name: "reader") {
        var index = number
        while !state.withLock({ $0.isOver }) {
          index = (index + 7) % files.count
          let read = try? Data(contentsOf: URL(filePath: files[index].path))
          state.withLock {
            $0.readCount += 1
            if read != files[index].content { $0.failureCount += 1 }
          }
          // The kernel is to ask again.
          if index % 8 == 0 { try? dropKernelCaches() }
        }
      }
      threads.withLock { $0.append(thread) }
    }
  }

  deinit {
    state.withLock { $0.isOver = true }
  }

  /// Returns when `count` more files have been read; false if that takes too long.
  func read(_ count: Int) -> Bool {
    let before = state.withLock { $0.readCount }
    for _ in 0..<2000 {
      if state.withLock({ $0.readCount }) > before + count { return true }
      Linux.Thread.sleep(milliseconds: 10)
    }
    return false
  }

  /// Ends them; how many reads failed, or read something else.
  func finish() -> Int {
    state.withLock { $0.isOver = true }
    for thread in threads.withLock({ $0 }) { thread.join() }
    return state.withLock { $0.failureCount }
  }
}
