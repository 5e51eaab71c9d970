internal import Bytes
internal import Linux

/// The tier's memory: arenas of 2 MiB, each empty, cut into frames of 4 KiB, or part of the log.
///
/// Guarded by the tier's lock, and allocating nothing after it was made. Frames come from the
/// lowest arena that has one, so that the highest run empty. An empty arena takes no memory: it was
/// given back to the system.
@safe
struct Arenas: ~Copyable, @unchecked Sendable {
  enum Use: UInt8 {
    case empty
    case frames
    case log
  }

  static let byteCount = 2 << 20
  static let frameCount = byteCount / PageContent.pageByteCount
  private static let mapWordCount = frameCount / 64

  let count: Int
  private let memory: ReservedMemory
  private let ownerMemory: ReservedMemory
  /// The first byte of arena 0 is aligned to an arena, so that each may be a huge page.
  let bytes: ArenaBytes
  /// The page in each frame.
  private let owners: UnsafeMutablePointer<UInt32>
  private var uses: [Use]
  private var freeFrameCounts: [Int]
  private var freeFrames: [UInt64]
  /// Arenas in use may be no more than this; more are in use only while they are being emptied.
  var limit: Int
  private(set) var openCount = 0
  private(set) var logArenaCount = 0
  private(set) var freeFrameCount = 0
  /// No arena below this one has a free frame.
  private var lowestFree = 0

  /// `count` empty arenas, all of which may be used; nil when there are not so many addresses.
  init?(count: Int) {
    let byteCount = (count + 1) * Self.byteCount
    let ownerByteCount = count * Self.frameCount * MemoryLayout<UInt32>.stride
    guard let memory = ReservedMemory(byteCount: byteCount), memory.grow(to: byteCount),
      let ownerMemory = ReservedMemory(byteCount: ownerByteCount, prefersHugePages: false),
      ownerMemory.grow(to: ownerByteCount)
    else { return nil }
    let skipped = -Int(bitPattern: unsafe memory.start) & (Self.byteCount - 1)
    bytes = unsafe ArenaBytes(base: memory.start + skipped)
    unsafe owners = ownerMemory.start.bindMemory(
      to: UInt32.self, capacity: count * Self.frameCount)
    self.memory = memory
    self.ownerMemory = ownerMemory
    self.count = count
    limit = count
    uses = Array(repeating: .empty, count: count)
    freeFrameCounts = Array(repeating: 0, count: count)
    freeFrames = Array(repeating: 0, count: count * Self.mapWordCount)
  }

  /// Puts an empty arena to `use`; nil when the limit is reached.
  mutating func open(for use: Use) -> Int? {
    guard openCount < limit, let arena = uses.firstIndex(of: .empty) else { return nil }
    openCount += 1
    assign(arena, to: use)
    return arena
  }

  /// Puts `arena`, which holds nothing, to another use.
  mutating func assign(_ arena: Int, to use: Use) {
    if uses[arena] == .frames {
      freeFrameCount -= freeFrameCounts[arena]
      freeFrameCounts[arena] = 0
    } else if uses[arena] == .log {
      logArenaCount -= 1
    }
    uses[arena] = use
    if use == .frames {
      freeFrameCounts[arena] = Self.frameCount
      freeFrameCount += Self.frameCount
      for word in 0..<Self.mapWordCount { freeFrames[arena * Self.mapWordCount + word] = ~0 }
      lowestFree = min(lowestFree, arena)
    } else if use == .log {
      logArenaCount += 1
    }
  }

  /// Gives the memory of `arena`, which holds nothing, back to the system.
  mutating func close(_ arena: Int) {
    assign(arena, to: .empty)
    openCount -= 1
    unsafe HeapMemory.giveBack(
      bytes.address(atOffset: arena * Self.byteCount), byteCount: Self.byteCount)
  }

  /// A free frame, which is `page`'s from now on; not one of `arena`, which is being emptied.
  mutating func takeFrame(for page: UInt32, outside arena: Int? = nil) -> UInt32? {
    var candidate = lowestFree
    while candidate < count {
      if candidate == arena || freeFrameCounts[candidate] == 0 {
        if candidate == lowestFree, candidate != arena { lowestFree += 1 }
        candidate += 1
        continue
      }
      for word in 0..<Self.mapWordCount {
        let index = candidate * Self.mapWordCount + word
        guard freeFrames[index] != 0 else { continue }
        let bit = freeFrames[index].trailingZeroBitCount
        freeFrames[index] &= freeFrames[index] - 1
        freeFrameCounts[candidate] -= 1
        freeFrameCount -= 1
        let frame = UInt32(candidate * Self.frameCount + word * 64 + bit)
        unsafe owners[Int(frame)] = page
        return frame
      }
    }
    return nil
  }

  mutating func free(frame: UInt32) {
    let arena = Int(frame) / Self.frameCount
    freeFrames[Int(frame) / 64] |= 1 << UInt64(frame % 64)
    freeFrameCounts[arena] += 1
    freeFrameCount += 1
    lowestFree = min(lowestFree, arena)
  }

  /// The arena of frames that holds the fewest pages.
  func emptiest() -> Int? {
    var best: Int?
    // From the top, for frames are taken from the bottom.
    for arena in stride(from: count - 1, through: 0, by: -1) where uses[arena] == .frames {
      if let best, pageCount(of: best) <= pageCount(of: arena) { continue }
      best = arena
    }
    return best
  }

  /// Pages in the frames of `arena`.
  func pageCount(of arena: Int) -> Int {
    Self.frameCount - freeFrameCounts[arena]
  }

  /// Free frames that are not in `arena`.
  func freeFrameCount(outside arena: Int) -> Int {
    freeFrameCount - freeFrameCounts[arena]
  }

  /// The first page at or after frame `index` of `arena`, and that frame's index.
  func page(in arena: Int, from index: Int) -> (index: Int, page: UInt32)? {
    var index = index
    while index < Self.frameCount {
      let frame = arena * Self.frameCount + index
      if freeFrames[frame / 64] >> UInt64(frame % 64) & 1 == 0 {
        return (index, unsafe owners[frame])
      }
      index += 1
    }
    return nil
  }
}

/// Where the bytes of ``Arenas`` are, for those who have a pin but not the lock.
@safe
struct ArenaBytes: @unchecked Sendable {
  private let base: UnsafeMutableRawPointer

  @unsafe
  init(base: UnsafeMutableRawPointer) {
    unsafe self.base = base
  }

  /// The first byte of frame `frame`.
  @unsafe
  @inline(__always)
  func address(ofFrame frame: UInt32) -> UnsafeMutableRawPointer {
    unsafe base + Int(frame) * PageContent.pageByteCount
  }

  /// The byte `offset` bytes after the start of arena 0.
  @unsafe
  @inline(__always)
  func address(atOffset offset: Int) -> UnsafeMutableRawPointer {
    unsafe base + offset
  }
}
