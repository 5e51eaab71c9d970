import CLinux
import TestSupport

/// A directory of a few hundred files, made at random of what is awkward to store.
///
/// What the filesystem at hand does not take, such as long attributes, is left out.
struct RandomTree {
  /// Around the borders of blocks, inline tails and clusters.
  private static let sizes = [
    0, 1, 2, 63, 511, 512, 513, 4032, 4064, 4095, 4096, 4097, 8191, 8192, 8193, 12_345, 16_384,
    65_535, 65_536, 65_537, 131_073, 300_001, 1_048_576, 1_048_577,
  ]
  /// One less than the format has: mkfs.erofs 1.5 cannot open files with names of 255 bytes.
  private static let nameByteCountLimit = 254
  private static let nameBytes = Array("abcXYZ019 .-_!+~#%\u{e9}\u{fc}\t\\\"'".utf8)

  private var generator: SeededGenerator
  private var paths: [[UInt8]] = []

  /// Fills the empty directory at `path`.
  init(at path: String, _ generator: SeededGenerator) throws {
    self.generator = generator
    try fill(Array(path.utf8), fileCount: 60, depth: 0)
    try makeDeepDirectory(in: Array(path.utf8))
    try makeLargeDirectory(in: Array(path.utf8))
    try decorate(Array(path.utf8))
    // Last and from below, for every entry made changes the time of its directory.
    for path in paths.reversed() { setTime(of: path) }
  }

  private mutating func number(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &generator)
  }

  private mutating func name() -> [UInt8] {
    let count = number(0...9) == 0 ? number(200...255) : number(1...24)
    let bytes = (0..<count).map { _ in Self.nameBytes.randomElement(using: &generator) ?? 0x61 }
    // Never "." or "..", and hardly ever twice.
    return Array(
      (bytes.dropLast(min(count - 1, 6)) + Array(String(number(0...999_999)).utf8)).prefix(
        Self.nameByteCountLimit))
  }

  private static func terminated(_ path: [UInt8]) -> [CChar] {
    path.map { CChar(bitPattern: $0) } + [0]
  }

  private mutating func fill(_ directory: [UInt8], fileCount: Int, depth: Int) throws {
    for _ in 0..<fileCount {
      let path = directory + [0x2F] + name()
      let cPath = Self.terminated(path)
      switch number(0...19) {
      case 0: mkfifo(cPath, 0o640)
      case 1:
        let type = [UInt32(S_IFCHR), UInt32(S_IFBLK), UInt32(S_IFSOCK)][number(0...2)]
        mknod(
          cPath, type | 0o600, cullet_makedev(UInt32(number(0...4095)), UInt32(number(0...0xFFFFF)))
        )
      case 2:
        let count = number(0...4) == 0 ? number(1000...4095) : number(1...80)
        let target = (0..<count).map { _ in
          CChar(bitPattern: UInt8.random(in: 1...255, using: &generator))
        }
        symlink(target + [0], cPath)
      case 3:
        if let other = paths.randomElement(using: &generator) {
          link(Self.terminated(other), cPath)
        }
      case 4...6 where depth < 5:
        mkdir(cPath, 0o755)
        try fill(path, fileCount: number(0...12), depth: depth + 1)
      default: try writeFile(path)
      }
      paths.append(path)
    }
  }

  private mutating func writeFile(_ path: [UInt8]) throws {
    var size = Self.sizes.randomElement(using: &generator) ?? 0
    if number(0...3) == 0 { size = number(0...40_000) }
    let descriptor = cullet_open(Self.terminated(path), O_WRONLY | O_CREAT | O_EXCL, 0o644)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    ftruncate(descriptor, size)
    // A hole stays wherever a stretch is skipped.
    let words = (0..<50).map { _ in generator.bytes(count: number(1...12)) }
    var offset = 0
    while offset < size {
      let count = min(size - offset, number(1...40_000))
      var bytes: [UInt8] = []
      switch number(0...5) {
      case 0: break
      case 1: bytes = [UInt8](repeating: 0, count: count)
      case 2: bytes = generator.bytes(count: count)
      default:
        while bytes.count < count { bytes += words.randomElement(using: &generator) ?? [0] }
      }
      if !bytes.isEmpty { pwrite(descriptor, bytes, min(count, bytes.count), offset) }
      offset += count
    }
  }

  private mutating func makeDeepDirectory(in directory: [UInt8]) throws {
    var path = directory
    for level in 0..<60 {
      path += Array("/deep-\(level)".utf8)
      mkdir(Self.terminated(path), 0o755)
      paths.append(path)
    }
    try writeFile(path + Array("/bottom".utf8))
  }

  private mutating func makeLargeDirectory(in directory: [UInt8]) throws {
    let path = directory + Array("/large".utf8)
    mkdir(Self.terminated(path), 0o755)
    for index in 0..<400 {
      let entry =
        path + Array("/entry-\(index)-".utf8) + Array(repeating: 0x78, count: number(0...60))
      close(cullet_open(Self.terminated(entry), O_WRONLY | O_CREAT, 0o600))
    }
  }

  /// Owners, modes and attributes: the same for some, and some with many.
  private mutating func decorate(_ root: [UInt8]) throws {
    let shared = generator.bytes(count: 100)
    for path in [root] + paths {
      let cPath = Self.terminated(path)
      lchown(
        cPath, UInt32(number(0...1) * number(0...100_000)),
        UInt32(number(0...1) * number(0...70_000)))
      var status = stat()
      guard lstat(cPath, &status) == 0, status.st_mode & UInt32(S_IFMT) != UInt32(S_IFLNK) else {
        continue
      }
      chmod(cPath, UInt32(number(0...0o7777)) | 0o400)
      switch number(0...3) {
      case 0:
        lsetxattr(cPath, "trusted.shared", shared, shared.count, 0)
        lsetxattr(cPath, "security.shared", shared, 10, 0)
      case 1:
        for index in 0..<number(1...30) {
          let value = generator.bytes(count: number(0...120))
          lsetxattr(cPath, "trusted.\(index).\(number(0...9999))", value, value.count, 0)
          lsetxattr(cPath, "user.\(index)", value, value.count / 2, 0)
        }
      case 2:
        let value = generator.bytes(count: number(1000...6000))
        lsetxattr(cPath, "trusted.long", value, value.count, 0)
      default: break
      }
    }
  }

  private mutating func setTime(of path: [UInt8]) {
    let time = timespec(
      tv_sec: number(0...4_000_000_000), tv_nsec: number(0...999_999_999))
    utimensat(AT_FDCWD, Self.terminated(path), [time, time], AT_SYMLINK_NOFOLLOW)
  }
}
