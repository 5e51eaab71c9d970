import Foundation
import OriginServer
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct OriginServerTests {
  private static let bytes = (0..<1000).map { UInt8($0 % 251) }

  private static func server(
    _ change: (inout OriginServerConfiguration) -> Void = { _ in }
  ) async throws -> (RunningServer, TemporaryDirectory) {
    let directory = try TemporaryDirectory()
    let path = try directory.write(bytes, to: "image")
    var configuration = OriginServerConfiguration(paths: [path])
    change(&configuration)
    return (try await RunningServer(configuration), directory)
  }

  @Test func `a whole file is served with its validators`() async throws {
    let (server, directory) = try await Self.server()
    let response = try await server.exchange("/image")
    #expect(response.status == 200)
    #expect(response.body == Self.bytes)
    #expect(response.fields["content-length"] == "1000")
    #expect(response.fields["accept-ranges"] == "bytes")
    #expect(response.fields["etag"]?.hasPrefix("\"") == true)
    #expect(response.fields["last-modified"]?.hasSuffix(" GMT") == true)
    let head = try await server.exchange("/image", method: "HEAD")
    #expect(head.status == 200)
    #expect(head.body.isEmpty)
    #expect(head.fields["content-length"] == "1000")
    #expect(head.fields["etag"] == response.fields["etag"])
    withExtendedLifetime(directory) {}
  }

  @Test(arguments: [
    ("bytes=0-0", 0..<1), ("bytes=990-", 990..<1000), ("bytes=-10", 990..<1000),
    ("bytes=10-5000", 10..<1000), ("bytes=100-199", 100..<200),
  ])
  func `a range is served as such`(range: String, expected: Range<Int>) async throws {
    let (server, directory) = try await Self.server()
    let response = try await server.exchange("/image", ["Range": range])
    #expect(response.status == 206)
    #expect(response.body == Array(Self.bytes[expected]))
    #expect(
      response.fields["content-range"]
        == "bytes \(expected.lowerBound)-\(expected.upperBound - 1)/1000")
    withExtendedLifetime(directory) {}
  }

  @Test func `a range beyond the end is refused with the length`() async throws {
    let (server, directory) = try await Self.server()
    let response = try await server.exchange("/image", ["Range": "bytes=1000-"])
    #expect(response.status == 416)
    #expect(response.fields["content-range"] == "bytes */1000")
    let several = try await server.exchange("/image", ["Range": "bytes=0-1,5-6"])
    #expect(several.status == 200)
    #expect(several.body == Self.bytes)
    withExtendedLifetime(directory) {}
  }

  @Test func `conditions decide before ranges do`() async throws {
    let (server, directory) = try await Self.server()
    let plain = try await server.exchange("/image")
    let tag = try #require(plain.fields["etag"])
    let date = try #require(plain.fields["last-modified"])
    let early = "Sun, 06 Nov 1994 08:49:37 GMT"
    let cases: [([String: String], Int)] = [
      (["If-Match": tag], 206), (["If-Match": #""x", "# + tag], 206), (["If-Match": "*"], 206),
      (["If-Match": #""x""#], 412), (["If-Match": "W/" + tag], 412),
      (["If-Unmodified-Since": date], 206), (["If-Unmodified-Since": early], 412),
      (["If-Unmodified-Since": "rubbish"], 206),
      (["If-None-Match": tag], 304), (["If-None-Match": "W/" + tag], 304),
      (["If-None-Match": #""x""#], 206), (["If-Modified-Since": date], 304),
      (["If-Modified-Since": early], 206), (["If-Range": tag], 206), (["If-Range": date], 206),
      (["If-Range": #""x""#], 200), (["If-Range": early], 200), (["If-Range": "W/" + tag], 200),
    ]
    for (fields, status) in cases {
      let response = try await server.exchange(
        "/image", fields.merging(["Range": "bytes=5-6"]) { $1 })
      #expect(response.status == status, "\(fields)")
      #expect(
        response.body.count == (status == 206 ? 2 : status == 200 ? 1000 : response.body.count))
    }
    try directory.write(Self.bytes, to: "image")
    #expect(try await server.exchange("/image").fields["etag"] != tag)
  }

  @Test func `directories are served by relative path, and nothing outside them`() async throws {
    let directory = try TemporaryDirectory()
    try directory.write([9], to: "secret")
    let files = FileManager.default
    try files.createDirectory(
      atPath: directory.file("shelf/sub"), withIntermediateDirectories: true)
    try directory.write([1], to: "shelf/a b&<é>")
    try directory.write([2], to: "shelf/sub/c")
    try files.createSymbolicLink(
      atPath: directory.file("shelf/out"), withDestinationPath: "../secret")
    try files.createSymbolicLink(
      atPath: directory.file("shelf/absolute"), withDestinationPath: directory.file("secret"))
    try files.createSymbolicLink(
      atPath: directory.file("shelf/in"), withDestinationPath: "sub/c")
    mkfifo(directory.file("shelf/pipe"), 0o600)
    let server = try await RunningServer(.init(paths: [directory.file("shelf")]))
    for (target, status) in [
      ("/sub/c", 200), ("/in", 200), ("/a%20b%26%3C%C3%A9%3E", 200), ("/sub/../in", 200),
      ("/sub/", 200), ("/", 200), ("/out", 404), ("/absolute", 404), ("/../secret", 404),
      ("/%2e%2e/secret", 404), ("/sub/..%2f..%2fsecret", 404), ("//secret", 404),
      ("/\(directory.file("secret"))", 404), ("/pipe", 404), ("/sub", 404), ("/sub/c/", 404),
      ("/c%00", 404), ("/%zz", 400), ("/nothing", 404),
    ] {
      #expect(try await server.exchange(target).status == status, "\(target)")
    }
    let index = String(decoding: try await server.exchange("/").body, as: UTF8.self)
    #expect(index.contains(#"<a href="./a%20b%26%3C%C3%A9%3E">a b&amp;&lt;é&gt;</a>"#))
    #expect(try await server.exchange("/sub/c").body == [2])
    #expect(try await server.exchange("/", method: "POST").status == 405)
  }

  @Test func `what cannot be served is refused at the start`() async throws {
    let directory = try TemporaryDirectory()
    try directory.write([1], to: "x")
    try FileManager.default.createDirectory(
      atPath: directory.file("d"), withIntermediateDirectories: true)
    try directory.write([1], to: "d/x")
    let missing = await #expect(throws: OriginServerError.self) {
      try await RunningServer(.init(paths: [directory.file("nothing")]))
    }
    #expect(missing?.code == .noInput)
    let twice = await #expect(throws: OriginServerError.self) {
      try await RunningServer(.init(paths: [directory.file("x"), directory.file("d/x")]))
    }
    #expect(twice?.code == .usage)
    let (server, kept) = try await Self.server()
    var configuration = OriginServerConfiguration(paths: [directory.file("x")])
    configuration.port = server.port
    let taken = configuration
    let busy = await #expect(throws: OriginServerError.self) {
      try await RunningServer(taken)
    }
    #expect(busy?.code == .cannotListen)
    withExtendedLifetime(kept) {}
  }

  @Test func `latency and bandwidth hold answers back`() async throws {
    let (server, directory) = try await Self.server {
      $0.latency = .milliseconds(80)
      $0.bytesPerSecond = 10_000
    }
    let start = ContinuousClock.now
    _ = try await server.exchange("/image", ["Range": "bytes=0-0"])
    #expect(ContinuousClock.now - start >= .milliseconds(80))
    let middle = ContinuousClock.now
    // Two at once share the rate: 2000 bytes take 200 ms.
    async let first = server.exchange("/image")
    async let second = server.exchange("/image")
    #expect(try await first.body == Self.bytes)
    #expect(try await second.body == Self.bytes)
    #expect(ContinuousClock.now - middle >= .milliseconds(280))
    withExtendedLifetime(directory) {}
  }

  @Test func `failures come at their rate, the same for the same seed`() async throws {
    func fates(_ rate: Double) async throws -> [Int] {
      let (server, directory) = try await Self.server { $0.failRate = rate }
      var fates: [Int] = []
      for _ in 0..<40 {
        let response = try await server.exchange("/image")
        fates.append(response.status == 200 ? response.body.count : response.status)
      }
      withExtendedLifetime(directory) {}
      return fates
    }
    let some = try await fates(0.5)
    #expect(Set(some) == [1000, 503, 500])
    #expect(try await fates(0.5) == some)
    #expect(Set(try await fates(0)) == [1000])
    #expect(Set(try await fates(1)) == [503, 500])
  }

  @Test func `a signal ends the server once the answer under way is complete`() async throws {
    await #expect(processExitsWith: .success) {
      let directory = try TemporaryDirectory()
      try directory.write([UInt8](repeating: 7, count: 1000), to: "image")
      var configuration = OriginServerConfiguration(paths: [directory.path])
      configuration.stopsOnSignals = true
      configuration.latency = .seconds(3)
      let server = try await RunningServer(configuration)
      async let response = server.exchange("/image")
      // Long enough for the request to be there, and not for its answer.
      try await Task.sleep(for: .seconds(1))
      kill(getpid(), SIGTERM)
      guard try await response.body.count == 1000 else { exit(3) }
      try await server.wait()
    }
  }

  @Test func `a large file passes through in pieces, and each request is logged`() async throws {
    let directory = try TemporaryDirectory()
    var random = SeededGenerator(for: "large file")
    let bytes = random.bytes(count: 1_000_000)
    try directory.write(bytes, to: "large")
    let server = try await RunningServer(.init(paths: [directory.file("large")]))
    let body = try await server.exchange("/large").body
    #expect(difference(body, bytes) == nil)
    let line = try #require(server.served.first)
    #expect(line.path == "/large")
    #expect(line.status == 200)
    #expect(line.byteCount == 1_000_000)
    #expect(!line.wasCut)
    try await server.stop()
    await #expect(throws: POSIXError.self) { try await server.exchange("/large") }
  }
}
