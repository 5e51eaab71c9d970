internal import Bytes

/// What a disk may hold after a power cut: what is durable, and any part of what is not.
///
/// - A write is durable when a later sync of its file has returned, or when it went through O_DSYNC
///   and has returned. Until then each 512-byte sector of it may be on disk or not, whatever
///   happened to the others; within one sector the order of writes holds.
/// - A change of size is durable with the next sync of the file, and happens as a whole.
/// - A name is durable when its directory was synced; until then it may be what it was at any moment
///   since. Names do not wait for each other, nor for their files.
/// - What a failed sync did not write is never written by a later one.
final class CrashDisk {
  enum Node: Equatable {
    case file(Int)
    case directory
  }

  struct Change {
    enum Kind {
      case write(offset: Int, bytes: [UInt8])
      case resize(byteCount: Int)
      case clear(Range<Int>, growing: Bool)
    }
    var kind: Kind
    /// Durable, but not yet in `durable`, for something before it is not.
    var isDurable = false
    /// A sync has failed to write it.
    var isForsaken = false
  }

  struct File {
    var durable: [UInt8] = []
    var pending: [Change] = []
    /// What the running system sees: everything.
    var current: [UInt8] = []
  }

  struct Name {
    var durable: Node?
    var pending: [Node?] = []
    var current: Node? { pending.last ?? durable }
  }

  private(set) var files: [File] = []
  private(set) var names: [String: Name] = [:]
  private var numbers: [UInt32: Int] = [:]

  /// A disk that holds `image`, durably.
  init(_ image: DiskImage = DiskImage()) {
    for path in image.directories { names[path] = Name(durable: .directory) }
    for (path, bytes) in image.files.sorted(by: { $0.key < $1.key }) {
      names[path] = Name(durable: .file(files.count))
      files.append(File(durable: bytes, current: bytes))
    }
  }

  func apply(_ event: RecordedEvent) throws {
    switch event {
    case .open(let number, let path, let isNew):
      if isNew {
        numbers[number] = files.count
        names[path, default: Name()].pending.append(.file(files.count))
        files.append(File())
      } else if case .file(let file) = names[path]?.current {
        numbers[number] = file
      } else {
        throw Violation("the log opens \(path), which is not on the disk")
      }
    case .write(let number, let offset, let bytes, let isDurable):
      try add(.write(offset: offset, bytes: bytes), to: number, isDurable: isDurable)
    case .truncate(let number, let byteCount):
      try add(.resize(byteCount: byteCount), to: number)
    case .allocate(let number, let range, let mode):
      try add(.allocation(of: range, mode: mode), to: number)
    case .sync(let number, let failed):
      try sync(number, failed: failed)
    case .makeDirectory(let path):
      names[path, default: Name()].pending.append(.directory)
    case .unlink(let path):
      names[path, default: Name()].pending.append(nil)
    case .rename(let from, let to):
      let node = names[from]?.current
      names[to, default: Name()].pending.append(node)
      names[from, default: Name()].pending.append(nil)
    case .syncNames(let path, let failed):
      guard !failed else { return }
      for (name, value) in names where Self.parent(of: name) == path {
        names[name] = Name(durable: value.current)
      }
    case .mark, .fault: break
    }
  }

  private func add(_ kind: Change.Kind, to number: UInt32, isDurable: Bool = false) throws {
    guard let file = numbers[number] else { throw Violation("the log writes to an unknown file") }
    kind.apply(to: &files[file].current)
    let whole = kind.wideningToSectors(of: files[file].current)
    files[file].pending.append(Change(kind: whole, isDurable: isDurable))
    files[file].settle()
  }

  private func sync(_ number: UInt32, failed: Bool) throws {
    guard let file = numbers[number] else { throw Violation("the log syncs an unknown file") }
    for index in files[file].pending.indices where !files[file].pending[index].isForsaken {
      if failed {
        files[file].pending[index].isForsaken = !files[file].pending[index].isDurable
      } else {
        files[file].pending[index].isDurable = true
      }
    }
    files[file].settle()
  }

  private static func parent(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
  }
}

extension CrashDisk.File {
  /// Moves what is durable, and has nothing before it that is not, into `durable`.
  fileprivate mutating func settle() {
    var count = 0
    while count < pending.count, pending[count].isDurable {
      pending[count].kind.apply(to: &durable)
      count += 1
    }
    pending.removeFirst(count)
  }
}

extension CrashDisk.Change.Kind {
  fileprivate static func allocation(of range: Range<Int>, mode: UInt32) throws -> Self {
    let (keepsSize, punches, zeroes) = (UInt32(1), UInt32(2), UInt32(16))
    switch mode {
    case 0: return .clear(range.upperBound..<range.upperBound, growing: true)
    case keepsSize: return .clear(range.lowerBound..<range.lowerBound, growing: false)
    case keepsSize | punches, keepsSize | zeroes: return .clear(range, growing: false)
    case zeroes: return .clear(range, growing: true)
    default: throw Violation("the store used a mode of fallocate that the model lacks: \(mode)")
    }
  }

  /// The write of whole sectors that a disk does in its place, all else of them being as in `bytes`.
  fileprivate func wideningToSectors(of bytes: [UInt8]) -> Self {
    guard case .write(let offset, let source) = self else { return self }
    let start = offset / CrashDisk.sectorByteCount * CrashDisk.sectorByteCount
    let end = (offset + source.count).roundedUp(toMultipleOf: CrashDisk.sectorByteCount)
    return .write(offset: start, bytes: Array(bytes[start..<min(end, bytes.count)]))
  }

  /// Does the change to `bytes`, whole.
  func apply(to bytes: inout [UInt8]) {
    switch self {
    case .write(let offset, let source):
      Self.write(source[...], at: offset, to: &bytes)
    case .resize(let byteCount):
      if byteCount < bytes.count {
        bytes.removeLast(bytes.count - byteCount)
      } else {
        Self.grow(&bytes, to: byteCount)
      }
    case .clear(let range, let growing):
      if growing { Self.grow(&bytes, to: range.upperBound) }
      let end = min(range.upperBound, bytes.count)
      guard range.lowerBound < end else { return }
      bytes.replaceSubrange(
        range.lowerBound..<end, with: repeatElement(0, count: end - range.lowerBound))
    }
  }

  static func write(_ source: ArraySlice<UInt8>, at offset: Int, to bytes: inout [UInt8]) {
    grow(&bytes, to: offset + source.count)
    bytes.replaceSubrange(offset..<offset + source.count, with: source)
  }

  private static func grow(_ bytes: inout [UInt8], to byteCount: Int) {
    guard bytes.count < byteCount else { return }
    bytes.append(contentsOf: repeatElement(0, count: byteCount - bytes.count))
  }
}
