internal import Bytes
internal import Linux
internal import TestSupport

/// Replays the workload on a layout, and checks that every hit has the right bytes.
struct Trial<Tried: Layout>: ~Copyable {
  private let volume: Volume
  private let workload = Workload()
  private let plan: Plan
  private var layout: Tried
  private var versions = [UInt8](repeating: 1, count: Workload.objectCount)
  private var filledCount = 0
  private var hitCount = 0
  private var buffer = AlignedBuffer(byteCount: Plan.blockByteCount)
  private var content: [UInt8]

  init(on volume: Volume) throws {
    self.volume = volume
    // Room to spare: only the cull that is asked for is to happen.
    plan = Plan(
      slotCount: workload.blockCount * 3 / 2, objectCount: 2 * Workload.objectCount,
      objectBlockCountMax: Workload.largeBlockCount)
    layout = try Tried(in: volume.mountPoint, plan: plan)
    var generator = SeededGenerator(seed: 13)
    content = generator.bytes(count: Plan.blockByteCount)
  }

  /// Runs all of it.
  mutating func run() throws -> Outcome {
    var outcome = Outcome(layout: Tried.name)
    try syncFilesystem(of: volume.mountPoint)
    try fill(&outcome)
    try readAgain(&outcome)
    let changed = try timed { for step in workload.changes { try take(step) } }
    outcome.changeMilliseconds = changed * 1000
    try cull(&outcome)
    outcome.indexKibibytes = Double(layout.indexByteCount) / 1024
    layout.abandon()
    let opened = try timed {
      layout = try Tried(in: volume.mountPoint, plan: plan)
      try bindAll()
    }
    outcome.openMilliseconds = opened * 1000
    try checkAfterCrash()
    layout.abandon()
    return outcome
  }

  private mutating func fill(_ outcome: inout Outcome) throws {
    let (device, operations) = (try volume.counters(), layout.operations)
    let seconds = try timed {
      try bindAll()
      for step in workload.fills { try take(step) }
    }
    let done = layout.operations - operations
    try syncFilesystem(of: volume.mountPoint)
    let after = try volume.counters()
    let byteCount = Double(filledCount * Plan.blockByteCount)
    outcome.fillMegabytesPerSecond = byteCount / 1e6 / seconds
    outcome.writeAmplification = Double(after.byteCount - device.byteCount) / byteCount
    outcome.flushCount = after.flushCount - device.flushCount
    let thousands = Double(filledCount) / 1000
    outcome.opensPerThousandFills = Double(done.opens) / thousands
    outcome.otherMetadataCallsPerThousandFills = Double(done.total - done.opens) / thousands
  }

  private mutating func readAgain(_ outcome: inout Outcome) throws {
    let operations = layout.operations
    var latencies: [UInt64] = []
    let missCount = filledCount
    for step in workload.rereads {
      let start = MonotonicClock.now
      try take(step)
      latencies.append(MonotonicClock.now - start)
    }
    guard filledCount == missCount else { throw LaboratoryError("a filled block was missed") }
    let done = layout.operations - operations
    latencies.sort()
    outcome.readMicroseconds = Double(latencies[latencies.count / 2]) / 1000
    let thousands = Double(latencies.count) / 1000
    outcome.opensPerThousandReads = Double(done.opens) / thousands
    outcome.otherMetadataCallsPerThousandReads = Double(done.total - done.opens) / thousands
  }

  private mutating func cull(_ outcome: inout Outcome) throws {
    try syncFilesystem(of: volume.mountPoint)
    let (device, operations) = (try volume.counters(), layout.operations)
    var culledCount = 0
    let seconds = try timed { culledCount = try layout.cull(workload.blockCount / 2) }
    guard culledCount >= workload.blockCount / 2 else {
      throw LaboratoryError("\(Tried.name) culled \(culledCount) blocks only")
    }
    outcome.cullMilliseconds = seconds * 1000
    outcome.cullMetadataCallCount = (layout.operations - operations).total
    try syncFilesystem(of: volume.mountPoint)
    let byteCount = try volume.counters().byteCount - device.byteCount
    outcome.cullMegabytesWritten = Double(byteCount) / 1e6
  }

  private mutating func bindAll() throws {
    for object in 0..<Workload.objectCount { try layout.bind(object, version: versions[object]) }
  }

  private mutating func take(_ step: Workload.Step) throws {
    switch step {
    case .sync: try layout.sync()
    case .change(let object):
      versions[object] += 1
      try layout.bind(object, version: versions[object])
    case .read(let object, let block):
      if try readAndCheck(object, block) { return }
      label(object, block)
      try layout.fill(object, block, with: content.rawSpan)
      filledCount += 1
    }
  }

  /// Whether the block is a hit; a hit of other bytes than were filled is an error.
  private mutating func readAndCheck(_ object: Int, _ block: Int) throws -> Bool {
    let layout = layout
    var bytes = buffer.mutableBytes
    guard try layout.read(object, block, into: &bytes) else { return false }
    hitCount += 1
    let label = buffer.bytes.load(fromByteOffset: 0, as: UInt64.self)
    guard label == Self.label(object, block, versions[object]) else {
      throw LaboratoryError("\(Tried.name): wrong bytes in block \(block) of object \(object)")
    }
    return true
  }

  private mutating func label(_ object: Int, _ block: Int) {
    let label = Self.label(object, block, versions[object])
    var span = content.mutableRawSpan
    span.store(label, atByteOffset: 0)
  }

  private static func label(_ object: Int, _ block: Int, _ version: UInt8) -> UInt64 {
    UInt64(object) << 32 | UInt64(block) << 8 | UInt64(version)
  }

  /// What was not culled must be there: less than was filled, but not nothing.
  private mutating func checkAfterCrash() throws {
    hitCount = 0
    for case .read(let object, let block) in workload.fills {
      _ = try readAndCheck(object, block)
    }
    guard hitCount > workload.blockCount / 4 else {
      throw LaboratoryError("\(Tried.name) has \(hitCount) blocks left after the crash")
    }
  }
}

/// The seconds that `body` takes.
private func timed(_ body: () throws -> Void) rethrows -> Double {
  let start = MonotonicClock.now
  try body()
  return Double(MonotonicClock.now - start) / 1e9
}
