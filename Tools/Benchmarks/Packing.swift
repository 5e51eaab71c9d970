internal import Foundation
internal import Linux

/// Building images of a tree, beside mkfs.erofs with the same options.
///
/// The tree is read once before, so that both find it in memory. The command uses two threads.
struct Packing {
  /// One kind of image.
  private struct Kind {
    let name: String
    let ours: [String]
    let theirs: [String]
    /// How many times as fast as mkfs.erofs.
    let goal: Double
  }

  private static let kinds = [
    Kind(name: "LZ4", ours: ["--compress", "lz4"], theirs: ["-zlz4"], goal: 1.2),
    Kind(name: "LZ4HC", ours: ["--compress", "lz4hc"], theirs: ["-zlz4hc"], goal: 1),
  ]
  /// An image may be larger by a hundredth.
  private static let sizeGoal = 1 / 1.01

  private let tree: String
  private let binary: String
  private let directory: String

  init(of tree: String, binary: String, directory: String) {
    self.tree = tree
    self.binary = binary
    self.directory = directory
  }

  func rows(runCount: Int) throws -> [Row] {
    try run("find", [tree, "-type", "f", "-exec", "cksum", "{}", "+"])
    return try Self.kinds.flatMap { kind in
      note("pack: \(kind.name)")
      var times = Series(
        "build, \(kind.name), 2 threads", unit: .seconds, otherName: "mkfs.erofs, same options")
      var sizes = Series(
        "image, \(kind.name)", unit: .bytes, otherName: "mkfs.erofs, same options")
      let (ours, theirs) = ("\(directory)/ours.erofs", "\(directory)/theirs.erofs")
      for _ in 0..<runCount {
        times.ours.append(
          try timed {
            try run(binary, ["pack", "--quiet", "--threads", "2"] + kind.ours + [ours, tree])
          })
        times.other.append(
          try timed { try run("mkfs.erofs", ["--quiet"] + kind.theirs + [theirs, tree]) })
        sizes.ours.append(try byteCount(of: ours))
        sizes.other.append(try byteCount(of: theirs))
      }
      return [
        Row(suite: "pack", times, goal: kind.goal), Row(suite: "pack", sizes, goal: Self.sizeGoal),
      ]
    }
  }

  private func byteCount(of path: String) throws -> Double {
    Double(try FileDescriptor(opening: path, .readOnly).status().byteCount)
  }

  /// Runs a program whose output nobody needs.
  private func run(_ program: String, _ arguments: [String]) throws {
    let script = #"exec "$0" "$@" >/dev/null"#
    let outcome = try ChildProcess(running: "sh", ["-c", script, program] + arguments).wait()
    guard outcome.exitStatus == 0 else {
      throw StageError("\(program) \(arguments.joined(separator: " ")): \(outcome.complaint)")
    }
  }
}
