internal import Foundation
internal import Linux

/// Where a suite works: images with a server for them, caches, and a mount point for each side.
///
/// Everything lies below one directory. ``tearDown()`` ends what is left; so does the script around
/// it, which also outlives crashes and signals.
final class Stage {
  let directory: String
  let mountPoint: String
  let kernelPoint: String
  private let binary: String

  init(directory: String, binary: String) throws {
    self.directory = directory
    self.binary = binary
    mountPoint = "\(directory)/ours"
    kernelPoint = "\(directory)/kernel"
    try Paths.createDirectory(mountPoint, mode: 0o755)
    try Paths.createDirectory(kernelPoint, mode: 0o755)
  }

  func tearDown() {
    for point in [mountPoint, kernelPoint] { try? MountCalls.unmount(point, lazily: true) }
    try? shell(#"kill $(cat server.pids); rm server.pids"#)
  }

  /// Serves what is in `images` over HTTP; returns the URL that their names go after.
  func serve(_ images: [String]) throws -> String {
    // First emptied: what is in there is of one before.
    try shell(
      #": >served; "$0" serve --quiet --listen 127.0.0.1:0 "$@" >served 2>serve-errors &"#
        + "echo $! >>server.pids", binary, images)
    for _ in 0..<200 {
      let text = try String(contentsOfFile: "\(directory)/served", encoding: .utf8)
      if text.hasSuffix("\n") {
        return text.trimmingPrefix("serving at ").trimmingCharacters(in: .newlines)
      }
      Thread.sleep(milliseconds: 50)
    }
    throw StageError("cullet serve does not start; see \(directory)/serve-errors")
  }

  /// Runs the command with the cache named `cache`; its output goes to the file `output`.
  func cullet(cache: String, _ arguments: String...) throws {
    try shell(
      #"CULLET_CACHE=$0; export CULLET_CACHE; exec "$@" >output"#, cache, [binary] + arguments)
  }

  /// The number at `keys` of what the cache named `cache` says of itself.
  func status(cache: String, _ keys: String...) throws -> Int {
    try cullet(cache: cache, "cache", "status", "--json")
    let data = try Data(contentsOf: URL(filePath: "\(directory)/output"))
    var value: Any? = try JSONSerialization.jsonObject(with: data)
    for key in keys { value = (value as? [String: Any])?[key] }
    guard let number = value as? Int else {
      throw StageError("cache status has no \(keys.joined(separator: "."))")
    }
    return number
  }

  /// What the kernel keeps of the files of all mounts through the cache named `cache`, in bytes.
  func pageCacheByteCount(cache: String) throws -> Int {
    try cullet(cache: cache, "mounts", "--pages", "--json")
    let text = try String(contentsOfFile: "\(directory)/output", encoding: .utf8)
    return try text.split(separator: "\n").reduce(0) { total, line in
      let report = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return total + (report?["pageCacheBytes"] as? Int ?? 0)
    }
  }

  /// Runs `body` while `source` is mounted through the cache named `cache`, by a process of its own
  /// and with `driver`.
  ///
  /// `body` is told how many seconds mounting took.
  func withMount<Value>(
    of source: String, cache: String, driver: String = "fuse", _ body: (Double) throws -> Value
  ) throws -> Value {
    let seconds = try timed {
      try cullet(cache: cache, "mount", "--driver", driver, source, mountPoint)
    }
    do {
      let value = try body(seconds)
      try cullet(cache: cache, "unmount", mountPoint)
      return value
    } catch {
      try? cullet(cache: cache, "unmount", "--lazy", mountPoint)
      throw error
    }
  }

  /// Runs `body` while `image` is mounted by the kernel itself, on a loop device.
  func withKernelMount<Value>(of image: String, _ body: (Double) throws -> Value) throws -> Value {
    let seconds = try timed {
      try shell(#"exec mount -t erofs -o ro,loop "$0" "$@""#, image, [kernelPoint])
    }
    let result = Result { try body(seconds) }
    try shell(#"exec umount "$0""#, kernelPoint)
    return try result.get()
  }

  func removeCache(_ cache: String) throws {
    try shell(#"exec rm -rf "$0""#, cache)
  }

  /// Empties the kernel's caches of pages, names and inodes, and sees to it that there is memory behind
  /// what it fills them with next.
  func dropCaches() throws {
    try shell("sync; echo 3 >/proc/sys/vm/drop_caches")
    BackedMemory.claim()
  }

  /// Drops the pages of one file from the kernel's cache.
  func dropPages(of path: String) throws {
    try shell(#"exec dd of="$0" oflag=nocache conv=notrunc,fdatasync count=0 status=none"#, path)
  }

  /// Runs `script` in the stage's directory, `first` and `rest` being its arguments from `$0` on.
  func shell(_ script: String, _ first: String = "sh", _ rest: [String] = []) throws {
    let outcome = try ChildProcess(
      running: "sh", ["-c", "cd '\(directory)' && { \(script); }", first] + rest
    ).wait()
    guard outcome.exitStatus == 0 else {
      throw StageError("\(script) \(first) \(rest.joined(separator: " ")): \(outcome.complaint)")
    }
  }
}

struct StageError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}

/// The seconds that `body` takes.
func timed(_ body: () throws -> Void) rethrows -> Double {
  let start = MonotonicClock.now
  try body()
  return Double(MonotonicClock.now - start) / 1e9
}

/// Tells whoever waits where the suite is, on standard error.
func note(_ line: String) {
  FileHandle.standardError.write(Data("\(line)\n".utf8))
}
