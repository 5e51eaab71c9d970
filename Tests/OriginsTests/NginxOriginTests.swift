import Foundation
import Origins
import ReadPath
import TestSupport
import Testing

@Suite(.enabled(if: NginxServer.isInstalled, "nginx is not installed"), .timeLimit(.minutes(1)))
struct NginxOriginTests {
  @Test func `random reads give the file's bytes over few connections`() async throws {
    let directory = try TemporaryDirectory()
    var random = SeededGenerator(for: "nginx reads")
    let bytes = random.bytes(count: 3_000_000)
    try directory.write(bytes, to: "image")
    let nginx = try await NginxServer(root: directory.path)
    let origin = try OriginFixture(nginx.address).origin
    let version = try await origin.version()
    #expect(version.byteCount == 3_000_000)
    #expect(version.strongEntityTag != nil)
    #expect(version.lastModified != nil)
    for _ in 0..<50 {
      let offset = Int.random(in: 0..<bytes.count, using: &random)
      let count = min(Int.random(in: 1...200_000, using: &random), bytes.count - offset)
      let read = try await origin.read(range(UInt64(offset), UInt64(count)), of: version)
      #expect(difference(read, bytes[offset..<offset + count]) == nil)
    }
    let log = await nginx.log(count: 51)
    #expect(log.count == 51)
    #expect(log.allSatisfy { $0.status == 206 })
    #expect(Set(log.map(\.connection)).count == 1, "one connection carries all")
    #expect(origin.statistics.requests == 51)
    #expect(origin.statistics.bytes == UInt64(log.reduce(0) { $0 + $1.byteCount }))
    #expect(origin.statistics.retries == 0)
  }

  @Test func `a replaced file is a changed version`() async throws {
    let directory = try TemporaryDirectory()
    try directory.write(Array("first".utf8), to: "image")
    let nginx = try await NginxServer(root: directory.path)
    let origin = try OriginFixture(nginx.address).origin
    let version = try await origin.version()
    try directory.write(Array("second".utf8), to: "image")
    #expect(
      await code { () async throws(OriginError) in
        _ = try await origin.read(range(0, 5), of: version)
      } == .changed(nil))
    let next = try await origin.version()
    #expect(next != version)
    #expect(try await origin.read(range(0, 6), of: next) == Array("second".utf8))
    try FileManager.default.removeItem(atPath: directory.file("image"))
    #expect(
      await code { () async throws(OriginError) in _ = try await origin.version() } == .notFound)
  }

  @Test func `ranges that are turned off are noticed`() async throws {
    let directory = try TemporaryDirectory()
    try directory.write([1, 2, 3], to: "image")
    let nginx = try await NginxServer(root: directory.path, extra: "max_ranges 0;")
    let origin = try OriginFixture(nginx.address).origin
    #expect(
      await code { () async throws(OriginError) in _ = try await origin.version() } == .unsupported)
  }

  @Test func `an empty file has a version`() async throws {
    let directory = try TemporaryDirectory()
    try directory.write([], to: "image")
    let nginx = try await NginxServer(root: directory.path)
    #expect(try await OriginFixture(nginx.address).origin.version().byteCount == 0)
  }

  @Test func `a password in the address is used`() async throws {
    let directory = try TemporaryDirectory()
    try directory.write([1, 2, 3], to: "image")
    try directory.write(Array("me:{PLAIN}se cret\n".utf8), to: "users")
    let nginx = try await NginxServer(
      root: directory.path,
      extra: "auth_basic images; auth_basic_user_file \(directory.file("users"));")
    let place = "127.0.0.1:\(nginx.port)"
    let origin = try OriginFixture("http://me:se%20cret@\(place)").origin
    #expect(try await origin.version().byteCount == 3)
    let stranger = try OriginFixture("http://\(place)").origin
    #expect(
      await code { () async throws(OriginError) in _ = try await stranger.version() } == .forbidden)
  }

  @Test(.enabled(if: OpenSSL.isInstalled, "openssl is not installed"))
  func `a certificate that nobody vouches for is refused at once`() async throws {
    let directory = try TemporaryDirectory()
    try directory.write([1, 2, 3], to: "image")
    try OpenSSL.makeCertificate(in: directory)
    let port = try freeLoopbackPort()
    let nginx = try await NginxServer(
      root: directory.path,
      extra: """
        listen 127.0.0.1:\(port) ssl;
        ssl_certificate \(directory.file("certificate"));
        ssl_certificate_key \(directory.file("key"));
        """)
    let fixture = try OriginFixture("https://127.0.0.1:\(port)")
    let error = await #expect(throws: OriginError.self) { try await fixture.origin.version() }
    #expect(error?.code == .unavailable)
    #expect(error?.message.contains("certificate") == true)
    #expect(fixture.clock.sleeps.isEmpty)
    withExtendedLifetime(nginx) {}
  }
}

private enum OpenSSL {
  private static let executable = "/usr/bin/openssl"

  static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: executable) }

  /// Writes a self-signed `certificate` and its `key`.
  static func makeCertificate(in directory: TemporaryDirectory) throws {
    let process = Process()
    process.executableURL = URL(filePath: executable)
    process.arguments = [
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
      "-subj", "/CN=localhost", "-days", "2", "-out", directory.file("certificate"),
      "-keyout", directory.file("key"),
    ]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
  }
}
