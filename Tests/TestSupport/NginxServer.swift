import Foundation

/// An nginx of a test's own on a free loopback port, serving one directory; ended with its owner.
package final class NginxServer: @unchecked Sendable {
  private static let executable = "/usr/sbin/nginx"

  /// One line of the access log.
  package struct LogLine: Equatable, Sendable {
    /// nginx's serial number of the TCP connection.
    package let connection: Int
    package let status: Int
    /// Body bytes sent.
    package let byteCount: Int
    /// The Range field, or `-`.
    package let range: String
  }

  /// Whether nginx is there: for `.enabled(if:)`.
  package static var isInstalled: Bool {
    FileManager.default.isExecutableFile(atPath: executable)
  }

  package let port: UInt16
  private let directory: TemporaryDirectory
  private let process = Process()

  /// Serves the files in `root`; `extra` goes into the server block.
  package init(root: String, extra: String = "") async throws {
    directory = try TemporaryDirectory()
    port = try freeLoopbackPort()
    let base = directory.path
    let configuration = """
      daemon off;
      pid \(base)/nginx.pid;
      error_log \(base)/error.log;
      \(getuid() == 0 ? "user root;" : "")
      worker_processes 1;
      events { worker_connections 256; }
      http {
        log_format trial '$connection $status $body_bytes_sent "$http_range"';
        access_log \(base)/access.log trial;
        client_body_temp_path \(base)/body;
        proxy_temp_path \(base)/proxy;
        fastcgi_temp_path \(base)/fastcgi;
        uwsgi_temp_path \(base)/uwsgi;
        scgi_temp_path \(base)/scgi;
        default_type application/octet-stream;
        server {
          listen 127.0.0.1:\(port);
          root \(root);
          \(extra)
        }
      }
      """
    try Data(configuration.utf8).write(to: URL(filePath: directory.file("nginx.conf")))
    process.executableURL = URL(filePath: Self.executable)
    process.arguments = ["-c", directory.file("nginx.conf"), "-e", directory.file("error.log")]
    // Should the tests die, nobody is to wait for what it might print.
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    let port = port
    guard await eventually({ isListening(port: port) }) else {
      let log = try? String(contentsOfFile: directory.file("error.log"), encoding: .utf8)
      process.terminate()
      throw NginxFailure(log: log ?? "")
    }
  }

  deinit {
    stop()
  }

  /// Ends the server; connections are refused from then on.
  package func stop() {
    guard process.isRunning else { return }
    process.terminate()
    process.waitUntilExit()
  }

  /// Makes the server accept connections and never answer, until ``resume()``.
  package func pause() { signalWorkers(SIGSTOP) }

  package func resume() { signalWorkers(SIGCONT) }

  /// Sends `signal` to the workers, which are the master's only children.
  private func signalWorkers(_ signal: Int32) {
    let path = "/proc/\(process.processIdentifier)/task/\(process.processIdentifier)/children"
    let children = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    for child in children.split(separator: " ") {
      if let id = Int32(child) { kill(id, signal) }
    }
  }

  package var address: String { "http://127.0.0.1:\(port)" }

  /// The URL of `name` in the served directory.
  package func url(_ name: String) -> String { "\(address)/\(name)" }

  /// The access log, once it has at least `count` lines; or as it is when they do not come.
  package func log(count: Int) async -> [LogLine] {
    var lines: [LogLine] = []
    _ = await eventually {
      lines = readLog()
      return lines.count >= count
    }
    return lines
  }

  private func readLog() -> [LogLine] {
    let text = try? String(contentsOfFile: directory.file("access.log"), encoding: .utf8)
    return (text ?? "").split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard words.count == 4, let connection = Int(words[0]), let status = Int(words[1]),
        let byteCount = Int(words[2])
      else { return nil }
      return LogLine(
        connection: connection, status: status, byteCount: byteCount,
        range: words[3].trimmingCharacters(in: ["\""]))
    }
  }
}

/// nginx did not come up; its error log tells why.
package struct NginxFailure: Error {
  package let log: String
}

/// Asks `condition` until it holds, for half a minute at most, which is far longer than it takes;
/// whether it came to hold.
package func eventually(_ condition: () -> Bool) async -> Bool {
  let end = ContinuousClock.now + .seconds(30)
  while !condition() {
    guard ContinuousClock.now < end else { return false }
    try? await Task.sleep(for: .milliseconds(5))
  }
  return true
}

/// A TCP port on 127.0.0.1 that nothing listens on at the moment.
package func freeLoopbackPort() throws -> UInt16 {
  let socket = try LoopbackSocket()
  try socket.listen()
  return socket.port
}

private func isListening(port: UInt16) -> Bool {
  guard let socket = try? LoopbackSocket() else { return false }
  return socket.connect(to: port)
}
