import Foundation
import OriginServer
import Origins
import ReadPath
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct UnreliableOriginTests {
  @Test func `a third of the requests failing costs retries and no byte`() async throws {
    let directory = try TemporaryDirectory()
    var random = SeededGenerator(for: "unreliable origin")
    let bytes = random.bytes(count: 600_000)
    try directory.write(bytes, to: "image")
    var configuration = OriginServerConfiguration(paths: [directory.path])
    configuration.failRate = 0.33
    configuration.seed = random.next()
    let server = try await RunningServer(configuration)
    let origin = try OriginFixture(server.address).origin
    let version = try await retried { try await origin.version() }
    for _ in 0..<60 {
      let offset = Int.random(in: 0..<bytes.count, using: &random)
      let count = min(Int.random(in: 1...100_000, using: &random), bytes.count - offset)
      let read = try await retried {
        try await origin.read(range(UInt64(offset), UInt64(count)), of: version)
      }
      #expect(difference(read, bytes[offset..<offset + count]) == nil)
    }
    #expect(origin.statistics.retries > 10)
    #expect(origin.statistics.requests == UInt64(server.served.count))
  }

  @Test func `a file that changes under concurrent readers never yields mixed bytes`() async throws
  {
    let directory = try TemporaryDirectory()
    let byteCount = 300_000
    try directory.write([UInt8](repeating: 0, count: byteCount), to: "image")
    let server = try await RunningServer(.init(paths: [directory.path]))
    let origin = try OriginFixture(server.address).origin
    let writer = Task {
      var generation: UInt8 = 0
      while !Task.isCancelled {
        generation &+= 1
        try directory.write([UInt8](repeating: generation, count: byteCount), to: "next")
        rename(directory.file("next"), directory.file("image"))
        try await Task.sleep(for: .milliseconds(1))
      }
    }
    var changes = 0
    var rounds = 0
    // The writer may be slow to begin.
    while rounds < 150 || (changes == 0 && rounds < 20_000) {
      rounds += 1
      do {
        let version = try await origin.version()
        let start = try await origin.read(range(0, 50_000), of: version)
        let end = try await origin.read(range(250_000, 50_000), of: version)
        #expect(Set(start + end).count == 1)
      } catch {
        guard case .changed = error.code else { throw error }
        changes += 1
      }
    }
    writer.cancel()
    _ = await writer.result
    #expect(changes > 0)
  }

  @Test func `a trickle is given up on when the time is over`() async throws {
    let directory = try TemporaryDirectory()
    try directory.write([UInt8](repeating: 7, count: 100_000), to: "image")
    var configuration = OriginServerConfiguration(paths: [directory.path])
    configuration.bytesPerSecond = 5000
    let server = try await RunningServer(configuration)
    var options = HTTPOrigin.Options()
    options.readPolicy.timeLimit = .milliseconds(300)
    let origin = HTTPOrigin(
      try HTTPLocation(parsing: "\(server.address)/image"), options: options,
      connections: .shared)
    let version = try await origin.version()
    let start = ContinuousClock.now
    let error = await #expect(throws: OriginError.self) {
      try await origin.read(range(0, 100_000), of: version)
    }
    #expect(error?.code == .unavailable)
    #expect(error?.message.contains("took too long") == true)
    // All of it would take twenty seconds.
    #expect(ContinuousClock.now - start < .seconds(12))
  }

  /// Repeats an operation that chance may make fail for good.
  private func retried<Value>(_ body: () async throws -> Value) async throws -> Value {
    for _ in 0..<20 {
      do {
        return try await body()
      } catch let error as OriginError where error.code == .unavailable {}
    }
    return try await body()
  }
}
