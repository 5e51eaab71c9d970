import Linux
import Node
import Testing

@Suite struct FoldingLogTests {
  @Test func `fifty messages are passed on, and the rest counted`() {
    let lines = Lock<[String]>([])
    let log = FoldingLog { line in lines.withLock { $0.append(line) } }
    for number in 0..<200 { log("\(number)") }
    #expect(lines.withLock { $0 } == (0..<50).map { "\($0)" })
  }

  @Test func `threads whose reads fail at the same time do no harm`() throws {
    let count = Lock(0)
    let logs = (0..<2000).map { _ in FoldingLog { _ in count.withLock { $0 += 1 } } }
    let threads = try (0..<4).map { _ in
      try Thread(name: "failing") { for log in logs { log("failed") } }
    }
    for thread in threads { thread.join() }
    #expect(count.withLock { $0 } == 8000)
  }
}
