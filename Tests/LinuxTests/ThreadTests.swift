import Foundation
import Linux
import Testing

@Suite struct ThreadTests {
  private static func addressSpaceKibibytes() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmSize:") })
    return try #require(Int(line.split(whereSeparator: \.isWhitespace)[1]))
  }

  @Test func `threads that nobody waits for leave no stack behind`() throws {
    let before = try Self.addressSpaceKibibytes()
    let ended = Lock(0)
    for number in 1...400 {
      _ = try Thread(name: "forgotten") {
        ended.withLock { $0 += 1 }
        ended.signalAll()
      }
      _ = ended.wait { $0 == number ? true : nil }
    }
    // Each has 8 MiB of addresses.
    #expect(try Self.addressSpaceKibibytes() - before < 400 * 4096)
  }
}
