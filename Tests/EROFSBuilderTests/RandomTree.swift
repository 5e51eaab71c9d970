import CLinux
import Foundation
import TestSupport

/// A tree of files with a bit of everything, made from a seed.
struct RandomTree {
  let directory: TemporaryDirectory
  var path: String { directory.file("tree") }

  init(_ generator: inout SeededGenerator, fileCount: Int = 60) throws {
    directory = try TemporaryDirectory()
    try make("tree", mode: 0o755)
    var directories = ["tree"]
    for number in 0..<fileCount {
      let parent = directories.randomElement(using: &generator) ?? "tree"
      let name = "\(parent)/\(Self.name(number, &generator))"
      switch Int.random(in: 0..<12, using: &generator) {
      case 0, 1:
        try make(name, mode: [0o755, 0o700, 0o1777].randomElement(using: &generator) ?? 0o755)
        directories.append(name)
      case 2:
        let target = String(repeating: "t", count: Int.random(in: 1...4000, using: &generator))
        symlink(target, directory.file(name))
      case 3: mkfifo(directory.file(name), 0o640)
      default:
        try directory.write(Self.content(&generator), to: name)
        if Bool.random(using: &generator) {
          link(directory.file(name), directory.file("\(parent)/link-\(number)"))
        }
        try setAttributes(of: name, &generator)
      }
    }
    // Directories of many blocks, and one that is empty.
    try make("tree/many", mode: 0o755)
    for number in 0..<300 { try directory.write([], to: "tree/many/an-entry-of-\(number)") }
    try make("tree/none", mode: 0o555)
  }

  private func make(_ name: String, mode: UInt32) throws {
    try FileManager.default.createDirectory(
      atPath: directory.file(name), withIntermediateDirectories: true)
    chmod(directory.file(name), mode)
  }

  /// Names that sort before and after the dots, and some that are long.
  private static func name(_ number: Int, _ generator: inout SeededGenerator) -> String {
    let first = ["!", "-", "+", "a", "Z", "é", "~"].randomElement(using: &generator) ?? "a"
    let length = Int.random(in: 0...9, using: &generator) == 0 ? 200 : number % 20
    return first + String(repeating: "n", count: length) + "\(number)"
  }

  /// Sizes around the borders of blocks and segments; content that compresses here and not there.
  static func content(_ generator: inout SeededGenerator) -> [UInt8] {
    let sizes = [0, 1, 511, 4032, 4095, 4096, 4097, 8192, 12_345, 65_536, 70_000, 300_000]
    var count = sizes.randomElement(using: &generator) ?? 0
    if Int.random(in: 0..<20, using: &generator) == 0 { count = 4 << 20 | 5000 }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 100_000)
    while bytes.count < count {
      let stretch = Int.random(in: 1...100_000, using: &generator)
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: bytes += [UInt8](repeating: 0, count: stretch)
      case 1: bytes += generator.bytes(count: min(stretch, 9000))
      default:
        let word = generator.bytes(count: Int.random(in: 3...30, using: &generator))
        let noise = generator.bytes(count: 1)
        for _ in 0..<stretch / word.count { bytes += word + noise }
      }
    }
    return Array(bytes.prefix(count))
  }

  private func setAttributes(of name: String, _ generator: inout SeededGenerator) throws {
    let path = directory.file(name)
    if Bool.random(using: &generator) {
      let value = Array("a value that many have".utf8)
      setxattr(path, "user.shared", value, value.count, 0)
    }
    if Bool.random(using: &generator) {
      let value = generator.bytes(count: Int.random(in: 0...300, using: &generator))
      setxattr(path, "user.own-\(generator.next() % 100)", value, value.count, 0)
    }
    if getuid() == 0 {
      chown(path, [0, 1000, 70_000].randomElement(using: &generator) ?? 0, 5)
    }
    // After the owner, for a change of that clears the set-user-ID bit.
    chmod(path, [0o644, 0o4755, 0o600].randomElement(using: &generator) ?? 0o644)
    let seconds = [1_700_000_000, 1_700_000_000, -5, 0].randomElement(using: &generator) ?? 0
    let times = [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 250)]
    utimensat(AT_FDCWD, path, times, 0)
  }
}
