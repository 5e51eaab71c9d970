internal import TestSupport

/// One of the many things that a power cut at one moment may leave on the disk.
struct CrashState {
  /// Which of the pending changes made it.
  enum Survival: Equatable {
    case nothing
    case everything
    /// Everything but one change.
    case allButOne
    /// Nothing but one change.
    case onlyOne
    /// Each sector by the toss of a coin.
    case sectors
    /// Everything up to some change, and a few sectors of what came later.
    case prefix
    /// Any of the changes, and one of them with sectors that hold neither the old nor the new.
    case torn
    /// The pages whose bits are set, counted in the order of the log.
    case pages(UInt64)

    static let random: [Survival] = [
      .nothing, .everything, .allButOne, .onlyOne, .sectors, .sectors, .prefix, .torn,
    ]
  }

  /// The number by which a run names the state.
  let number: Int
  /// How many records of the log had happened.
  let eventCount: Int
  let survival: Survival
  let seed: UInt64

  /// Whether the opening after the crash is cut short by another one.
  var isNested: Bool { seed % 5 == 0 }
}

extension CrashDisk {
  static let sectorByteCount = 512
  static let pageByteCount = 4096

  private enum Fate {
    case kept
    case lost
    case garbage
  }

  /// Changes that may or may not be on disk, as (file, index in its pending changes).
  private var openChanges: [(file: Int, index: Int)] {
    files.indices.flatMap { file in
      files[file].pending.indices.filter { !files[file].pending[$0].isDurable }
        .map { (file, $0) }
    }
  }

  /// How many pages of pending changes there are: changes of size and names count as one each.
  var openPageCount: Int {
    names.values.count { !$0.pending.isEmpty }
      + openChanges.reduce(0) {
        $0 + files[$1.file].pending[$1.index].pieceCount(Self.pageByteCount)
      }
  }

  /// The disk after the crash that `state` describes; its log's events have been applied.
  func image(after state: CrashState) -> DiskImage {
    var generator = SeededGenerator(seed: state.seed)
    let changes = openChanges
    let pendingNames = names.filter { !$0.value.pending.isEmpty }.keys.sorted()
    let unitCount = changes.count + pendingNames.count
    let chosen = unitCount == 0 ? 0 : Int.random(in: 0..<unitCount, using: &generator)
    var page = 0
    // Called for each piece of each unit, in order.
    func fate(unit: Int, canTear: Bool) -> Fate {
      let coin = UInt8(truncatingIfNeeded: generator.next() >> 32)
      switch state.survival {
      case .nothing: return .lost
      case .everything: return .kept
      case .allButOne: return unit == chosen ? .lost : .kept
      case .onlyOne: return unit == chosen ? .kept : .lost
      case .sectors: return coin < 128 ? .kept : .lost
      case .prefix: return unit < chosen || coin < 32 ? .kept : .lost
      case .torn:
        if unit == chosen, canTear, coin < 85 { return .garbage }
        return coin < 170 ? .kept : .lost
      case .pages(let bits):
        defer { page += 1 }
        return page < 64 && bits >> UInt64(page) & 1 != 0 ? .kept : .lost
      }
    }

    var contents: [Int: [UInt8]] = [:]
    var next = 0
    for (fileIndex, file) in files.enumerated() {
      guard !file.pending.isEmpty else { continue }
      var bytes = file.durable
      for change in file.pending {
        guard !change.isDurable else {
          change.kind.apply(to: &bytes)
          continue
        }
        let unit = next
        next += 1
        guard case .write(let offset, let source) = change.kind else {
          if fate(unit: unit, canTear: false) == .kept {
            change.kind.apply(to: &bytes)
          }
          continue
        }
        let pieces = change.pieces(state.survival.pieceByteCount)
        // A disk writes one sector or does not: the protocols rely on it for their headers.
        let canTear = pieces.count > 1
        for piece in pieces {
          var part = source[piece.lowerBound - offset..<piece.upperBound - offset]
          switch fate(unit: unit, canTear: canTear) {
          case .lost: continue
          case .kept: break
          case .garbage:
            part = ArraySlice(part.map { _ in UInt8(truncatingIfNeeded: generator.next()) })
          }
          Change.Kind.write(part, at: piece.lowerBound, to: &bytes)
        }
      }
      contents[fileIndex] = bytes
    }

    var nodes: [String: Node] = [:]
    for (path, name) in names { nodes[path] = name.durable }
    for path in pendingNames {
      guard let name = names[path] else { continue }
      let unit = next
      next += 1
      var node = name.durable
      switch state.survival {
      case .sectors, .prefix, .torn:
        let index = Int.random(in: 0...name.pending.count, using: &generator)
        if index > 0 { node = name.pending[index - 1] }
      default:
        if fate(unit: unit, canTear: false) == .kept { node = name.current }
      }
      nodes[path] = node
    }
    return image(of: nodes, contents)
  }

  /// The tree that can be reached from the root.
  private func image(of nodes: [String: Node], _ contents: [Int: [UInt8]]) -> DiskImage {
    var image = DiskImage()
    for (path, node) in nodes.sorted(by: { $0.key < $1.key }) {
      if let slash = path.lastIndex(of: "/"),
        !image.directories.contains(String(path[..<slash]))
      {
        continue
      }
      switch node {
      case .directory: image.directories.insert(path)
      case .file(let file): image.files[path] = contents[file] ?? files[file].durable
      }
    }
    return image
  }
}

extension CrashState.Survival {
  /// The unit that is on disk or is not; nil for whole changes.
  fileprivate var pieceByteCount: Int? {
    switch self {
    case .nothing, .everything, .allButOne, .onlyOne: nil
    case .sectors, .prefix, .torn: CrashDisk.sectorByteCount
    case .pages: CrashDisk.pageByteCount
    }
  }
}

extension CrashDisk.Change {
  /// The parts of a write that lie in different pieces of the disk, as ranges of the file.
  fileprivate func pieces(_ byteCount: Int?) -> [Range<Int>] {
    guard case .write(let offset, let bytes) = kind else { return [] }
    let end = offset + bytes.count
    guard let byteCount else { return [offset..<end] }
    var pieces: [Range<Int>] = []
    var start = offset
    while start < end {
      let next = min(end, (start / byteCount + 1) * byteCount)
      pieces.append(start..<next)
      start = next
    }
    return pieces
  }

  fileprivate func pieceCount(_ byteCount: Int) -> Int {
    if case .write = kind { pieces(byteCount).count } else { 1 }
  }
}
