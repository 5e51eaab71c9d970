internal import Linux

/// Makes a cache in the place of none, or of one that is given up.
struct StoreFormatting {
  let directory: String
  let index: IndexDirectory
  let recencyPath: String
  let place: DataPlace
  let file: DataFile
  let configuration: StoreConfiguration

  /// The shape of the new cache, for which there is room.
  ///
  /// Throws `.badConfiguration` for a shape that no cache can have or a device that is too small,
  /// `.noSpace` when there is no room for what is to be reserved. Changes nothing.
  func checkedGeometry() throws(StoreError) -> Geometry {
    let geometry = try fittingGeometry()
    try file.checkRoom(
      for: geometry, configuration.preallocation,
      indexByteCount: UInt64(geometry.indexByteCount))
    return geometry
  }

  /// Empties the data file and gives it superblocks, the last of which is returned.
  ///
  /// They say that no index is to be believed, until one is made.
  func run(_ geometry: Geometry) throws(StoreError) -> StoreHeader {
    var header = StoreHeader(
      flags: .wipe, cacheID: .random(), indexID: .random(), geometry: geometry,
      limits: configuration.limits, bootID: .ofThisBoot(), openCount: 0, sequenceFloor: 0,
      serial: 1, preallocation: configuration.preallocation, io: configuration.io)
    do throws(SystemError) {
      // The index directory first: with it, a half-made data file is known as ours.
      try index.create()
      try Paths.removeFile(recencyPath)
      _ = try? Paths.removeFile(PageChecks.path(in: directory))
      try file.reset(to: geometry, configuration.preallocation)
      try file.write(header)
      header.serial = 2
      try file.write(header)
      try file.sync()
      try Paths.syncDirectory(directory)
    } catch {
      throw StoreError(error, path: place.path, creating: true)
    }
    return header
  }

  /// The shape that was asked for: all of a device when no capacity was.
  private func fittingGeometry() throws(StoreError) -> Geometry {
    guard configuration.capacityByteCount == nil else { return try configuration.geometry() }
    var fitting = configuration
    do throws(SystemError) {
      if try !file.status().isRegular {
        let byteCount = try file.byteCount()
        fitting.capacityByteCount = byteCount - min(byteCount, Geometry.headerByteCount)
      }
    } catch {
      throw StoreError(error, path: place.path, creating: true)
    }
    return try fitting.geometry()
  }

  /// Takes back what a formatting that failed has made; best effort, for its error is what counts.
  func removeHalfMade(wasThere: Bool) {
    _ = try? file.clear()
    _ = try? Paths.removeFile(PageChecks.path(in: directory))
    if !wasThere || !place.isElsewhere { _ = try? Paths.removeFile(place.path) }
    index.remove()
  }
}
