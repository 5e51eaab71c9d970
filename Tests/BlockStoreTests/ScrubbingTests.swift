import BlockStore
import Linux
import TestSupport
import Testing

@Suite struct ScrubbingTests {
  let fixture: StoreFixture

  init() throws {
    fixture = try StoreFixture()
  }

  /// Waits for something to come true for up to half a minute, far longer than it takes.
  private func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<15_000 {
      if condition() { return true }
      Thread.sleep(milliseconds: 2)
    }
    return false
  }

  @Test func `a flipped bit is found without a read, and its slot retired`() throws {
    try fixture.makeCache(blocks: 0..<20)
    let bytes = StoreFixture.bytes(7)
    let offset = try #require(try fixture.slotOffset(holding: bytes))
    try fixture.overwrite([bytes[40] ^ 1], at: offset + 40)
    let store = try fixture.open()
    store.setScrubRate(1 << 40)
    #expect(eventually { store.status().scrub.passes == 1 })
    let status = store.status()
    #expect(status.scrub.checkedBlocks == 20)
    #expect(status.scrub.badBlocks == 1)
    #expect(status.scrub.lastPassEnd != nil)
    #expect(status.disk.checksumFailures == 1)
    #expect(status.disk.hits == 0)
    #expect(status.blocks.bad == 1)
    let object = try store.bind("a")
    #expect(object.bytes(ofBlock: 7) == nil)
    object.fill(7)
    try store.flush()
    for block in 0..<20 as Range<UInt32> { #expect(object.isRight(block) == true) }
    #expect(store.status().disk.checksumFailures == 1)
  }

  @Test func `nothing is read unless a rate is set, and only one pass a day`() throws {
    try fixture.makeCache(blocks: 0..<4)
    let store = try fixture.open()
    Thread.sleep(milliseconds: 50)
    #expect(store.status().scrub.byteRate == 0)
    #expect(store.status().scrub.checkedBlocks == 0)
    store.setScrubRate(1 << 40)
    #expect(eventually { store.status().scrub.passes == 1 })
    Thread.sleep(milliseconds: 50)
    #expect(store.status().scrub.passes == 1)
    #expect(store.status().scrub.checkedBlocks == 4)
  }

  @Test func `what is invalidated, culled or filled again meanwhile is no fault`() throws {
    let store = try fixture.open(slotCount: 64)
    let object = try store.bind("a", blocks: 1000)
    store.setScrubRate(1 << 40)
    for round in 0..<20 as Range<UInt32> {
      for block in 0..<40 as Range<UInt32> { object.fill(round * 40 + block) }
      if round % 5 == 0 { _ = store.invalidate(key: Array("b".utf8)) }
      let other = try store.bind("b", version: "v\(round)")
      other.fill(0..<10, version: UInt64(round))
      _ = store.cull(CullRequest(targetFreePercent: 50))
    }
    try store.flush()
    #expect(eventually { store.status().scrub.passes == 1 })
    #expect(store.status().scrub.badBlocks == 0)
    #expect(store.status().disk.checksumFailures == 0)
  }

  @Test func `closing in the middle of a pass is prompt`() throws {
    try fixture.makeCache(blocks: 0..<20)
    let store = try fixture.open()
    // The second block would be due after an hour.
    store.setScrubRate(18)
    #expect(eventually { store.status().scrub.checkedBlocks == 1 })
    let start = MonotonicClock.now
    store.close()
    #expect(MonotonicClock.now - start < 10_000_000_000)
  }
}

@Suite struct ScrubScheduleTests {
  private static let second: UInt64 = 1_000_000_000

  /// What a scrubber reads between `start` and `end`, when each read of `byteCount` bytes takes
  /// `duration`.
  private func countReads(
    _ schedule: inout ScrubSchedule, of byteCount: Int, taking duration: UInt64,
    from start: UInt64, to end: UInt64
  ) -> Int {
    var (now, count) = (start, 0)
    while let due = schedule.nextRead, max(due, now) < end {
      now = max(due, now) + duration
      schedule.noteRead(ofByteCount: byteCount, at: now)
      count += 1
    }
    return count
  }

  @Test(arguments: [16 << 10, 64 << 10, 1 << 20])
  func `the rate is never exceeded, whatever a read takes`(byteCount: Int) {
    for duration in [0, 1000, 5_000_000, Self.second] {
      var schedule = ScrubSchedule(byteRate: 4 << 20)
      schedule.beginPass(at: 0)
      let count = countReads(
        &schedule, of: byteCount, taking: duration, from: 0, to: 60 * Self.second)
      #expect((count - 1) * byteCount <= 60 * 4 << 20)
      if duration == 0 { #expect(count * byteCount >= 60 * 4 << 20) }
    }
  }

  @Test func `time that went by is not made up for`() {
    var schedule = ScrubSchedule(byteRate: 1 << 20)
    schedule.noteRead(ofByteCount: 1 << 20, at: 0)
    schedule.noteRead(ofByteCount: 1 << 20, at: 100 * Self.second)
    #expect(schedule.nextRead == 101 * Self.second)
  }

  @Test func `a pass begins a day after the one before, or when that is longer, at once`() {
    var schedule = ScrubSchedule(byteRate: 1)
    schedule.beginPass(at: 5)
    schedule.noteRead(ofByteCount: 1, at: 10)
    schedule.endPass()
    #expect(schedule.nextRead == ScrubSchedule.passInterval + 5)
    let late = ScrubSchedule.passInterval * 3
    schedule.beginPass(at: ScrubSchedule.passInterval + 5)
    schedule.noteRead(ofByteCount: 1, at: late)
    schedule.endPass()
    #expect(schedule.nextRead == late + Self.second)
  }

  @Test func `a rate of nothing stops it, the smallest one does not overflow`() {
    var schedule = ScrubSchedule(byteRate: 0)
    #expect(schedule.nextRead == nil)
    schedule.byteRate = 1
    schedule.noteRead(ofByteCount: .max, at: 1)
    #expect(schedule.nextRead == ScrubSchedule.passInterval + 1)
  }
}
