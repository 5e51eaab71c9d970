internal import Bytes

/// What a cache is made with.
///
/// An existing cache keeps what it was made with.
package struct StoreConfiguration: Hashable, Sendable {
  /// The sizes that blocks may have, if they are powers of two.
  package static let blockByteCounts = 16 << 10...1 << 20
  /// A cache of fewer slots could not have one being written, one being culled and some in use.
  package static let slotCountMin = 16
  /// RAM for the slots' state is taken when a cache opens: 10 GiB for this many, and slot numbers
  /// must fit in 31 bits.
  package static let slotCountMax = 1 << 28

  /// 20 GiB: room for some images, and little of any disk.
  package static let defaultCapacityByteCount: UInt64 = 20 << 30

  /// How much of the data file's space is taken when the cache is made, or grows.
  ///
  /// Superblocks have a case's place in this list.
  package enum Preallocation: String, CaseIterable, Sendable {
    /// Space is taken as blocks are written.
    case none
    /// All of it is reserved, where the filesystem can do that.
    case allocate
    /// All of it is written once, so that later writes change no metadata.
    case write
  }

  /// How slots are read and written.
  ///
  /// Superblocks have a case's place in this list.
  package enum IOMode: String, CaseIterable, Sendable {
    /// Past the page cache where the filesystem allows it, else through it.
    case direct
    /// Through the page cache.
    case buffered
  }

  /// Room for block data; what does not fill a block is left over.
  ///
  /// Nil stands for all of a block device, and for 20 GiB otherwise.
  package var capacityByteCount: UInt64?
  /// The bytes of a slot, a power of two from 16 KiB to 1 MiB.
  package var blockByteCount: Int
  /// The water marks, which can be changed later.
  package var limits: CullLimits
  /// How much of the space is taken at once.
  package var preallocation: Preallocation
  /// Where the data file of a new cache is to be when not in its directory: a file, which is made
  /// when absent, or a block device.
  package var dataPath: String?
  /// How slots are read and written, and stay so.
  package var io: IOMode
  /// Nanoseconds that a fill waits for those before it.
  ///
  /// A disk slower than that costs the cache a block, and not the reader its time. Not kept in the
  /// cache.
  package var fillWait: UInt64
  /// Checks the index after a crash of the machine; without it, such an index is not believed.
  package var indexHelper: IndexHelper?

  /// A configuration to be checked when the cache is made.
  package init(
    capacityByteCount: UInt64? = nil, blockByteCount: Int = 64 << 10,
    limits: CullLimits = .standard, preallocation: Preallocation = .none, dataPath: String? = nil,
    io: IOMode = .direct, fillWait: UInt64 = 250_000_000, indexHelper: IndexHelper? = nil
  ) {
    self.capacityByteCount = capacityByteCount
    self.blockByteCount = blockByteCount
    self.limits = limits
    self.preallocation = preallocation
    self.dataPath = dataPath
    self.io = io
    self.fillWait = fillWait
    self.indexHelper = indexHelper
  }

  /// The geometry; throws `.badConfiguration` naming what is wrong.
  func geometry() throws(StoreError) -> Geometry {
    guard Self.blockByteCounts.contains(blockByteCount), blockByteCount.nonzeroBitCount == 1 else {
      throw StoreError(
        .badConfiguration, path: "",
        message: "a block size of \(blockByteCount) bytes: use a power of two from 16K to 1M")
    }
    let capacityByteCount = self.capacityByteCount ?? Self.defaultCapacityByteCount
    let slotCount = capacityByteCount / UInt64(blockByteCount)
    guard slotCount >= Self.slotCountMin, slotCount <= Self.slotCountMax else {
      throw StoreError(
        .badConfiguration, path: "",
        message:
          "a cache of \(capacityByteCount) bytes in blocks of \(blockByteCount): it must hold "
          + "from \(Self.slotCountMin) to \(Self.slotCountMax) blocks; change either size")
    }
    return Geometry(
      blockSizeBits: UInt8(blockByteCount.trailingZeroBitCount), slotCount: Int(slotCount))
  }
}

/// The shape of a cache; the number of slots changes when it is resized.
struct Geometry: Hashable, Sendable {
  /// The superblocks and the owner's mark live in front of the slots.
  static let headerByteCount: UInt64 = 1 << 20

  let blockSizeBits: UInt8
  let slotCount: Int

  var blockByteCount: Int { 1 << Int(blockSizeBits) }
  var capacityByteCount: UInt64 { UInt64(slotCount) << UInt64(blockSizeBits) }
  var dataFileByteCount: UInt64 { Self.headerByteCount + capacityByteCount }

  /// Where slot `slot` begins in the data file.
  func offset(ofSlot slot: UInt32) -> UInt64 {
    Self.headerByteCount + UInt64(slot) << UInt64(blockSizeBits)
  }

  /// The most object records that the index has room for: one for four slots, within bounds.
  var objectCountMax: Int { min(65_536, max(64, slotCount / 4)) }

  /// The most fingerprints of files that the index remembers: with 128 bytes each, a sixth of it.
  ///
  /// Together with all records of blocks and objects they leave it emptier than the mark at which
  /// objects are culled.
  var fingerprintCountMax: Int { min(1 << 20, indexByteCount / 6 / 128) }

  /// The size of the index, reserved in advance so that a full disk cannot stop a commit.
  ///
  /// LMDB copies what it changes, so twice the records' bytes and room for a few transactions'
  /// copies: 64 MiB, but no more than a thirty-second of a small cache (and 1 MiB at least).
  var indexByteCount: Int {
    let records = 64 * slotCount + 256 * objectCountMax
    let spare = min(64 << 20, max(1 << 20, Int(capacityByteCount / 32)))
    return (spare + 2 * records).roundedUp(toMultipleOf: 64 << 10)
  }

  /// Blocks of an object of `byteCount` bytes, as many as can be numbered.
  func blockCount(of byteCount: UInt64) -> UInt32 {
    UInt32(clamping: byteCount.dividedRoundingUp(by: UInt64(blockByteCount)))
  }

  /// The bytes of block `index` of an object of `byteCount` bytes; nil beyond its end.
  func validByteCount(ofBlock index: UInt32, in byteCount: UInt64) -> Int? {
    let start = UInt64(index) << UInt64(blockSizeBits)
    guard start < byteCount else { return nil }
    return Int(min(byteCount - start, UInt64(blockByteCount)))
  }
}
