/// Pages by their hashes, each with its compressed size and the image that had it last.
///
/// Open addressing in entries of 16 bytes, of which at most seven eighths are taken; it grows by a
/// quarter. So a table of many pages takes from 18.3 to 22.9 bytes for each. Not thread-safe.
package struct PageTable {
  /// A hash of 96 bits, as evenly distributed as those of SHA-256.
  package struct Key: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt32

    package init(high: UInt64, low: UInt32) {
      self.high = high
      self.low = low
    }
  }

  private struct Entry {
    var high: UInt64 = 0
    var low: UInt32 = 0
    /// The image in bits 8 to 31, never 0 in an entry that is taken, and the size in bits 0 to 7.
    var use: UInt32 = 0
  }

  /// Images are numbered from 1 to this.
  package static let imageNumberLimit: UInt32 = 1 << 24 - 1

  private var entries: [Entry]
  /// Pages in the table.
  package private(set) var count = 0

  /// An empty table of 1 KiB.
  package init() {
    entries = Array(repeating: Entry(), count: 64)
  }

  /// What the table takes.
  package var byteCount: Int { entries.count * MemoryLayout<Entry>.stride }

  /// Notes the page of `key` in image number `image`; `measure` tells the size of one that is new.
  ///
  /// Returns that size for known ones too. Images come one after the other.
  package mutating func note(
    _ key: Key, image: UInt32, measure: () -> UInt8
  ) -> (sighting: Sighting, size: UInt8) {
    precondition((1...Self.imageNumberLimit).contains(image), "no number of an image")
    var slot = home(of: key)
    while entries[slot].use != 0 {
      if entries[slot].high == key.high, entries[slot].low == key.low {
        let use = entries[slot].use
        entries[slot].use = image << 8 | use & 0xFF
        let sighting = Sighting(isFirstInImage: use >> 8 != image, isFirstInSet: false)
        return (sighting, UInt8(use & 0xFF))
      }
      slot = next(after: slot)
    }
    let size = measure()
    entries[slot] = Entry(high: key.high, low: key.low, use: image << 8 | UInt32(size))
    count += 1
    if count * 8 >= entries.count * 7 { grow() }
    return (Sighting(isFirstInImage: true, isFirstInSet: true), size)
  }

  /// Where the search for `key` begins: in proportion to the hash, so that any length will do.
  ///
  /// The topmost byte has chosen the table already.
  private func home(of key: Key) -> Int {
    Int((key.high << 8).multipliedFullWidth(by: UInt64(entries.count)).high)
  }

  private func next(after slot: Int) -> Int { slot + 1 == entries.count ? 0 : slot + 1 }

  private mutating func grow() {
    let old = entries
    entries = Array(repeating: Entry(), count: old.count + old.count / 4)
    for entry in old where entry.use != 0 {
      var slot = home(of: Key(high: entry.high, low: entry.low))
      while entries[slot].use != 0 { slot = next(after: slot) }
      entries[slot] = entry
    }
  }
}
