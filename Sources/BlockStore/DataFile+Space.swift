internal import Bytes
internal import Linux

/// The space that the file takes, when it is made and when it is resized.
extension DataFile {
  /// What is written at a time when space is preallocated by writing.
  private static let zerosByteCount = 4 << 20

  /// Throws unless there is room for `geometry`.
  ///
  /// `.badConfiguration` when it is more than a device has; `.noSpace` when the filesystem cannot
  /// reserve it and `indexByteCount` bytes of index besides. Space that is taken as needed may run
  /// out later.
  func checkRoom(
    for geometry: Geometry, _ preallocation: StoreConfiguration.Preallocation,
    indexByteCount: UInt64
  ) throws(StoreError) {
    let status: FileStatus
    let (byteCount, availableByteCount): (UInt64, UInt64)
    do throws(SystemError) {
      status = try file.status()
      byteCount = try file.readableByteCount()
      availableByteCount = try file.availableByteCount()
    } catch {
      throw StoreError(error, path: path)
    }
    let wanted = geometry.dataFileByteCount
    if !status.isRegular, wanted > byteCount {
      throw StoreError(
        .badConfiguration, path: path,
        message: "\(path) has \(byteCount) bytes, and a cache of \(geometry.capacityByteCount) "
          + "takes \(wanted): choose a smaller size")
    }
    let indexWanted = wanted + indexByteCount
    if status.isRegular, preallocation != .none,
      indexWanted > status.allocatedByteCount + availableByteCount
    {
      throw StoreError(
        .noSpace, path: path,
        message: "\(path): \(Errno.noSpace): \(indexWanted) bytes are to be reserved, and "
          + "\(status.allocatedByteCount + availableByteCount) can be")
    }
  }

  /// Gives the file its size and its header area zeros, and reserves the space if asked to.
  ///
  /// To be called after ``checkRoom(for:_:indexByteCount:)``. ENOSPC when there is no room all the
  /// same; the file may have grown by then.
  func reset(
    to geometry: Geometry, _ preallocation: StoreConfiguration.Preallocation
  ) throws(SystemError) {
    var end: UInt64 = 0
    if try file.status().isRegular {
      try file.truncate(toByteCount: 0)
      // The superblocks' place at least: a full disk must not keep a cache from closing.
      try file.reserve(byteCount: 64 << 10)
      try grow(from: 0, to: geometry, preallocation)
    } else {
      try discard(0..<UInt32(geometry.slotCount), of: geometry)
      end = Geometry.headerByteCount
    }
    if preallocation == .write { end = geometry.dataFileByteCount }
    var written: UInt64 = 0
    while written < end {
      // The page cache must not fill up with what nobody will read.
      let part = min(end - written, 64 << 20)
      try writeZeros(at: written, byteCount: part)
      written += part
    }
  }

  /// Gives all space of a regular file back; of a device, the header area goes blank.
  func clear() throws(SystemError) {
    if try file.status().isRegular {
      try file.truncate(toByteCount: 0)
    } else {
      try writeZeros(at: 0, byteCount: Geometry.headerByteCount)
    }
  }

  /// Makes a file of `oldByteCount` bytes long enough for `geometry`, what is new reserved as
  /// `preallocation` says, but not written; a device is as large as it is.
  ///
  /// ENOSPC when there is no room. Not durable before ``sync()``.
  func grow(
    from oldByteCount: UInt64, to geometry: Geometry,
    _ preallocation: StoreConfiguration.Preallocation
  ) throws(SystemError) {
    let byteCount = geometry.dataFileByteCount - oldByteCount
    guard let range = ByteRange(offset: oldByteCount, byteCount: byteCount) else { return }
    guard preallocation != .none, try file.status().isRegular else {
      return try extend(to: geometry)
    }
    do throws(SystemError) {
      try file.allocate(range)
    } catch {
      // Not every filesystem can; what is to be written is there then without.
      guard error.errno == .notSupported, preallocation == .write else { throw error }
      try extend(to: geometry)
    }
  }

  /// Makes a regular file that is too short for `geometry` long enough, with zeros in what is new.
  ///
  /// Not durable before ``sync()``.
  func extend(to geometry: Geometry) throws(SystemError) {
    let status = try file.status()
    if status.isRegular, status.byteCount < geometry.dataFileByteCount {
      try file.truncate(toByteCount: geometry.dataFileByteCount)
    }
  }

  /// Writes zeros, durably.
  func writeZeros(at offset: UInt64, byteCount: UInt64) throws(SystemError) {
    let zeros = AlignedBuffer(byteCount: Int(min(byteCount, UInt64(Self.zerosByteCount))))
    var written: UInt64 = 0
    while written < byteCount {
      let count = min(byteCount - written, UInt64(zeros.byteCount))
      try file.write(zeros.bytes.extracting(0..<Int(count)), at: offset + written)
      written += count
    }
    try file.syncData()
  }

  /// Cuts a regular file off behind the slots of `geometry`, if it is longer.
  func cut(to geometry: Geometry) throws(SystemError) {
    let status = try file.status()
    if status.isRegular, status.byteCount > geometry.dataFileByteCount {
      try file.truncate(toByteCount: geometry.dataFileByteCount)
    }
  }

  /// Tells a device that slots hold nothing; what they read as is unspecified from then on.
  ///
  /// The index on disk must not name them, and no reader hold them. Nothing happens to a regular
  /// file, and where the device does not support it.
  func discard(_ slots: Range<UInt32>, of geometry: Geometry) throws(SystemError) {
    let range = ByteRange(
      offset: geometry.offset(ofSlot: slots.lowerBound),
      byteCount: UInt64(slots.count) << UInt64(geometry.blockSizeBits))
    guard !slots.isEmpty, let range, try !file.status().isRegular else { return }
    do throws(SystemError) {
      try file.discard(range)
    } catch {
      if error.errno != .notSupported { throw error }
    }
  }
}
