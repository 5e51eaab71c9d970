internal import Bytes
internal import EROFS

/// The primary device of an image and its extra ones, and how block addresses map to them.
///
/// Device 0 is the primary. When an image has extra devices and none was given, the primary is
/// taken to hold them all, each at its unified address.
struct DeviceSet: Sendable {
  /// A place on one device.
  struct Location: Equatable {
    var device: Int
    /// In bytes.
    var offset: UInt64
  }

  private let sources: [any BlockSource]
  private let slots: [DeviceSlot]
  private let blockSizeBits: UInt64

  init(
    primary: any BlockSource, extra: [any BlockSource], slots: [DeviceSlot], blockSizeBits: UInt8
  ) {
    sources = [primary] + extra
    self.slots = slots
    self.blockSizeBits = UInt64(blockSizeBits)
  }

  /// The size of `device`, or of the primary one where that holds them all.
  func byteCount(of device: Int) -> UInt64 {
    device < sources.count ? sources[device].byteCount : 0
  }

  private var isFlat: Bool { sources.count == 1 }

  var areWhollyAtHand: Bool { sources.allSatisfy { $0.isWhollyAtHand } }

  /// Where the `byteCount` bytes are that `device` has at `offset`, or unified space for device 0.
  func locate(_ byteCount: UInt64, device: Int, offset: UInt64) throws(EROFSError) -> Location {
    guard ByteRange(offset: offset, byteCount: byteCount) != nil else {
      throw EROFSError(.outOfBounds("data"), at: offset)
    }
    if device == 0 {
      guard !slots.isEmpty, !isFlat else { return Location(device: 0, offset: offset) }
      return locateUnified(offset)
    }
    guard device <= slots.count else {
      throw EROFSError(.badDevice("no device \(device)"), at: offset)
    }
    if !isFlat { return Location(device: device, offset: offset) }
    let slot = slots[device - 1]
    guard slot.unifiedBlock != 0 else { throw EROFSError(.missingDevice(device)) }
    let (start, overflow) = slot.unifiedBlock.multipliedReportingOverflow(by: 1 << blockSizeBits)
    guard !overflow, let range = ByteRange(offset: start, byteCount: offset),
      ByteRange(offset: range.end, byteCount: byteCount)?.end ?? .max <= sources[0].byteCount
    else { throw EROFSError(.missingDevice(device)) }
    return Location(device: 0, offset: range.end)
  }

  private func locateUnified(_ offset: UInt64) -> Location {
    let block = offset >> blockSizeBits
    for (index, slot) in slots.enumerated() where slot.unifiedBlock != 0 {
      if block >= slot.unifiedBlock, block - slot.unifiedBlock < slot.blockCount {
        return Location(
          device: index + 1, offset: offset - (slot.unifiedBlock << blockSizeBits))
      }
    }
    return Location(device: 0, offset: offset)
  }

  /// The bytes at `location` where they are, if their device lends them.
  @_lifetime(borrow self)
  func lentBytes(_ byteCount: Int, at location: Location) -> RawSpan? {
    let source = sources[location.device]
    // `self` keeps the source, and with it the bytes.
    return unsafe _overrideLifetime(
      source.lentBytes(byteCount, at: location.offset), borrowing: self)
  }

  /// Calls `body` with `range` of `device`, as extents call it, and where that is; true if it does
  /// not exist.
  func offer(
    _ range: ByteRange, of device: Int, to body: (any BlockSource, ByteRange) -> Bool
  ) -> Bool {
    guard let place = try? locate(range.byteCount, device: device, offset: range.offset),
      let found = ByteRange(offset: place.offset, byteCount: range.byteCount),
      found.end <= sources[place.device].byteCount
    else { return true }
    return body(sources[place.device], found)
  }

  /// Fills `target` from `location`.
  ///
  /// A device may end within its last block, whose rest counts as zeros; a range that reaches
  /// further is corrupt.
  func read(into target: inout MutableRawSpan, at location: Location) throws(ReadError) {
    let source = sources[location.device]
    let available = source.byteCount
    let wanted = UInt64(target.byteCount)
    if wanted == 0 { return }
    let (end, overflow) = location.offset.addingReportingOverflow(wanted)
    let blockByteCount = UInt64(1) << blockSizeBits
    guard !overflow, location.offset < available,
      end <= available || end <= available.checkedRoundUp(toMultipleOf: blockByteCount) ?? 0
    else { throw .format(EROFSError(.outOfBounds("data"), at: location.offset)) }
    let present = Int(min(end, available) - location.offset)
    do {
      if present == target.byteCount {
        try source.read(into: &target, at: location.offset)
      } else {
        target.zero(present..<target.byteCount)
        var head = target[bytes: 0..<present]
        try source.read(into: &head, at: location.offset)
      }
    } catch {
      throw .source(error)
    }
  }
}

extension Image {
  /// The size in bytes of the device that extents call `device`; 0 is the primary.
  package func byteCount(ofDevice device: Int) -> UInt64 { devices.byteCount(of: device) }
}
