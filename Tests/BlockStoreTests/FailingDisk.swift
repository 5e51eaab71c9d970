import TestSupport

/// The slots of a data file, changed behind the store's back as bad disks do it.
struct FailingDisk: Sendable {
  let path: String
  let slotCount: Int
  let blockByteCount: Int

  /// All slots, as they are on disk; zeros where the file has nothing.
  func slots() throws -> [[UInt8]] {
    var bytes = try StoreFixture.read(count: slotCount * blockByteCount, at: 1 << 20, of: path)
    bytes += [UInt8](repeating: 0, count: slotCount * blockByteCount - bytes.count)
    return (0..<slotCount).map { slot in
      Array(bytes[slot * blockByteCount..<(slot + 1) * blockByteCount])
    }
  }

  private func overwrite(
    _ slot: Int, _ bytes: some Collection<UInt8>, from start: Int = 0
  ) throws {
    try StoreFixture.overwrite(
      bytes, at: UInt64(1 << 20 + slot * blockByteCount + start), of: path)
  }

  /// Does one kind of harm to `slot`; `before` is what the slots held some time ago.
  func damage(
    _ slot: Int, before: [[UInt8]], using generator: inout SeededGenerator
  ) throws {
    let now = try slots()
    let sector = 512 * Int.random(in: 0..<blockByteCount / 512, using: &generator)
    switch Int.random(in: 0..<5, using: &generator) {
    case 0:  // A bit rots.
      let place = Int.random(in: 0..<blockByteCount, using: &generator)
      let bit = UInt8.random(in: 0..<8, using: &generator)
      try overwrite(slot, [now[slot][place] ^ 1 << bit], from: place)
    case 1:  // A sector is garbage.
      try overwrite(slot, generator.bytes(count: 512), from: sector)
    case 2:  // The write was torn: the rest of the slot is as it was.
      try overwrite(slot, before[slot][sector...], from: sector)
    case 3:  // The write was lost.
      try overwrite(slot, before[slot])
    default:  // The write went to a neighbour.
      try overwrite((slot + 1) % slotCount, now[slot])
      try overwrite(slot, before[slot])
    }
  }
}
