internal import LMDB
internal import Linux

/// Opens or makes the files of a cache, and recovers what is in them.
struct StoreOpening {
  let directory: String
  let index: IndexDirectory
  var report = OpenReport()

  var recencyPath: String { "\(directory)/recency" }

  init(directory: String) {
    self.directory = directory
    index = IndexDirectory(path: "\(directory)/index")
  }

  /// The store's parts, locked, recovered and marked as in use.
  ///
  /// An existing cache is kept unless it cannot be believed or `reformatting`.
  mutating func open(
    _ configuration: StoreConfiguration, reformatting: Bool
  ) throws(StoreError) -> (core: StoreCore, writer: CommitWriter, lock: OwnerLock) {
    _ = try configuration.geometry()
    let isNewDirectory: Bool
    do throws(SystemError) {
      isNewDirectory = try Paths.createDirectory(directory, mode: 0o700)
      if isNewDirectory { try Paths.syncDirectory(Paths.parent(of: directory)) }
    } catch {
      throw StoreError(error, path: directory, creating: true)
    }
    do throws(StoreError) {
      return try openFiles(configuration, reformatting: reformatting)
    } catch {
      // Best effort, and only if nothing is in it.
      if isNewDirectory { _ = try? Paths.removeDirectory(directory) }
      throw error
    }
  }

  private mutating func openFiles(
    _ configuration: StoreConfiguration, reformatting: Bool
  ) throws(StoreError) -> (core: StoreCore, writer: CommitWriter, lock: OwnerLock) {
    let place: DataPlace
    let wasThere: Bool
    do throws(SystemError) {
      place = try DataPlace(
        in: directory, wanted: configuration.dataPath, reformatting: reformatting)
      wasThere = try DataPlace.exists(place.path)
    } catch {
      throw StoreError(error, path: directory, creating: true)
    }
    let lock = try OwnerLock(locking: place, directory: directory)
    let existing = try usableHeader(at: place)
    let kept = reformatting ? nil : existing
    let file = try openDataFile(place, kept?.io ?? configuration.io)
    let formatting = StoreFormatting(
      directory: directory, index: index, recencyPath: recencyPath, place: place, file: file,
      configuration: configuration)
    let (header, core, writer): (StoreHeader, StoreCore, CommitWriter)
    do throws(StoreError) {
      (core, writer, header) = try openContent(file, kept, formatting)
      if report.isFormatted { try settle(place) }
    } catch {
      if report.isFormatted {
        formatting.removeHalfMade(wasThere: wasThere)
      } else if !wasThere {
        _ = try? Paths.removeFile(place.path)  // made to be locked, and empty
      }
      throw error
    }
    try markInUse(writer, file, header)
    lock.leaveMark(StoreOwner(processID: CurrentProcess.id, since: WallClock.now))
    return (core, writer, lock)
  }

  /// Recovers what `existing` is the superblock of, or makes a new cache.
  private mutating func openContent(
    _ file: DataFile, _ existing: StoreHeader?, _ formatting: StoreFormatting
  ) throws(StoreError) -> (StoreCore, CommitWriter, StoreHeader) {
    let configuration = formatting.configuration
    var header: StoreHeader
    var found: BlockIndex?
    var hints: RecencyFile?
    if let existing {
      header = existing
      found = believedIndex(of: header, configuration.indexHelper)
      if found != nil { hints = RecencyFile.read(from: recencyPath, serial: header.serial) }
    } else {
      // Before anything of an old cache goes: it shall not be lost for a new one that cannot be.
      let geometry = try formatting.checkedGeometry()
      report.isFormatted = true
      header = try formatting.run(geometry)
    }
    // A device may have become too small.
    try file.checkRoom(for: header.geometry, .none, indexByteCount: 0)
    do throws(SystemError) {
      try file.extend(to: header.geometry)
      // A resizing that ended early may have left the file longer than the cache is.
      try file.cut(to: header.geometry)
    } catch {
      throw StoreError(error, path: file.path)
    }
    var recovered = found.flatMap { recover(file, header, $0, configuration, hints: hints) }
    found = nil
    if recovered == nil {
      header.indexID = .random()
      header.sequenceFloor = 0
      let fresh = try index.make(header.indexID, header.geometry)
      recovered = recover(file, header, fresh, configuration, hints: nil)
    }
    guard let (core, writer) = recovered else {
      throw StoreError(.io, path: index.path, message: "\(index.path): cannot read a new index")
    }
    HeapMemory.returnUnused()
    return (core, writer, header)
  }

  private mutating func believedIndex(
    of header: StoreHeader, _ helper: IndexHelper?
  ) -> BlockIndex? {
    do throws(IndexFault) {
      return try index.open(for: header, checkedBy: helper)
    } catch {
      report.notes.append("\(error): the cache begins empty")
      return nil
    }
  }

  private func settle(_ place: DataPlace) throws(StoreError) {
    do throws(SystemError) {
      try place.settle(in: directory)
    } catch {
      throw StoreError(error, path: directory, creating: true)
    }
  }

  private mutating func recover(
    _ file: DataFile, _ header: StoreHeader, _ index: BlockIndex,
    _ configuration: StoreConfiguration, hints: RecencyFile?
  ) -> (StoreCore, CommitWriter)? {
    guard let table = SlotTable(slotCount: header.geometry.slotCount) else { return nil }
    let core = StoreCore(
      directory: directory, geometry: header.geometry, file: file, table: table,
      fillWait: configuration.fillWait)
    do throws(LMDBError) {
      let outcome = try Recovery(core: core, index: index, header: header).run(hints: hints)
      report.blockCount = outcome.blockCount
      report.droppedRecordCount = outcome.droppedRecordCount
      let writer = CommitWriter(
        core: core, index: index, header: header, numbers: outcome.numbers, free: outcome.free,
        recency: outcome.recency)
      return (core, writer)
    } catch {
      report.notes.append("the index cannot be read (\(error)): the cache begins empty")
      return nil
    }
  }

  /// Writes a superblock that says "in use", durably, before anything else is written.
  private func markInUse(
    _ writer: CommitWriter, _ file: DataFile, _ header: StoreHeader
  ) throws(StoreError) {
    writer.header = header
    writer.header.flags = []
    writer.header.bootID = .ofThisBoot()
    writer.header.openCount += 1
    writer.header.sequenceFloor = writer.numbers.lastSequence
    writer.header.serial += 1
    do throws(SystemError) {
      try file.write(writer.header)
    } catch {
      throw StoreError(error, path: file.path)
    }
  }
}
