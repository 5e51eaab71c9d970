internal import Bytes
internal import LMDB
internal import Linux

/// What opening a cache found, for the log.
package struct OpenReport: Sendable {
  /// Whether the cache was made, or begun anew.
  package internal(set) var isFormatted = false
  /// Why things were not as expected, one sentence each.
  package internal(set) var notes: [String] = []
  /// Blocks found in the index.
  package internal(set) var blockCount = 0
  /// Records that were not believed.
  package internal(set) var droppedRecordCount = 0
}

/// Opens or makes the files of a cache, and decides what of them to believe.
struct StoreOpening {
  let directory: String
  private(set) var report = OpenReport()

  private var dataPath: String
  private var indexPath: String { "\(directory)/index" }
  var recencyPath: String { "\(directory)/recency" }

  init(directory: String) {
    self.directory = directory
    dataPath = "\(directory)/cache.dat"
  }

  /// The store's parts, locked, recovered and marked as in use.
  ///
  /// An existing cache is kept unless it cannot be believed or `reformatting`.
  mutating func open(
    _ configuration: StoreConfiguration, reformatting: Bool
  ) throws(StoreError) -> (core: StoreCore, writer: CommitWriter, lock: OwnerLock) {
    _ = try configuration.geometry()
    let place: DataPlace
    let (wasThere, isNewDirectory): (Bool, Bool)
    do throws(SystemError) {
      isNewDirectory = try Paths.createDirectory(directory, mode: 0o700)
      if isNewDirectory { try Paths.syncDirectory(Paths.parent(of: directory)) }
      place = try DataPlace(
        in: directory, wanted: configuration.dataPath, reformatting: reformatting)
      wasThere = try DataPlace.exists(place.path)
    } catch {
      throw StoreError(error, path: directory, creating: true)
    }
    dataPath = place.path
    let (file, lock) = try openDataFile(place, configuration.io)
    let existing = try usableHeader(in: file, place)
    let core: StoreCore
    let (header, writer): (StoreHeader, CommitWriter)
    do throws(StoreError) {
      (core, writer, header) = try openContent(
        file, reformatting ? nil : existing, configuration)
      if report.isFormatted { try settle(place) }
    } catch {
      if report.isFormatted || !wasThere {
        removeHalfMade(file, place, wasThere: wasThere, isNewDirectory: isNewDirectory)
      }
      throw error
    }
    try markInUse(writer, file, header)
    lock.leaveMark(StoreOwner(processID: CurrentProcess.id, since: WallClock.now))
    return (core, writer, lock)
  }

  /// Recovers what `existing` is the superblock of, or makes a new cache.
  private mutating func openContent(
    _ file: DataFile, _ existing: StoreHeader?, _ configuration: StoreConfiguration
  ) throws(StoreError) -> (StoreCore, CommitWriter, StoreHeader) {
    var header: StoreHeader
    var index: BlockIndex?
    var hints: RecencyFile?
    if let existing {
      header = existing
      index = openIndex(for: header, configuration.indexHelper)
      if index != nil { hints = RecencyFile.read(from: recencyPath, serial: header.serial) }
    } else {
      header = try format(file, configuration)
    }
    do throws(SystemError) {
      try file.extend(to: header.geometry)
    } catch {
      throw StoreError(error, path: dataPath)
    }
    var recovered = index.flatMap { recover(file, header, $0, hints: hints) }
    index = nil
    if recovered == nil {
      let fresh = try makeIndex(for: &header)
      recovered = recover(file, header, fresh, hints: nil)
    }
    guard let (core, writer) = recovered else {
      throw StoreError(.io, path: indexPath, message: "\(indexPath): cannot read a new index")
    }
    HeapMemory.returnUnused()
    return (core, writer, header)
  }

  private func settle(_ place: DataPlace) throws(StoreError) {
    do throws(SystemError) {
      try place.settle(in: directory)
    } catch {
      throw StoreError(error, path: directory, creating: true)
    }
  }

  private func openDataFile(
    _ place: DataPlace, _ mode: StoreConfiguration.IOMode
  ) throws(StoreError) -> (DataFile, OwnerLock) {
    let lock = try OwnerLock(locking: place, directory: directory)
    do throws(SystemError) {
      let file = try DataFile(opening: place, mode)
      let status = try file.status()
      guard status.isRegular || (place.isElsewhere && status.isBlockDevice) else {
        throw SystemError(call: "open", errno: .fileExists)
      }
      if place.isSettled, try file.byteCount() == 0 {
        throw SystemError(call: "open", errno: .noSuchDevice)
      }
      return (file, lock)
    } catch {
      throw StoreError(error, at: place, of: directory)
    }
  }

  /// The newest superblock; nil when the cache must be made.
  ///
  /// Refuses a file or device that is not ours.
  private mutating func usableHeader(
    in file: DataFile, _ place: DataPlace
  ) throws(StoreError) -> StoreHeader? {
    do throws(SystemError) {
      if let header = try file.readHeader() { return header }
      if try file.byteCount() == 0 { return nil }
      let hasIndex = (try? FileDescriptor(opening: indexPath, [.directory, .noFollow])) != nil
      var isOurs = try file.bearsOurName() || (hasIndex && !place.isElsewhere)
      if !isOurs, !place.isSettled {
        isOurs = try file.isBlank()
        if isOurs, place.isElsewhere { return nil }
      }
      guard isOurs else { throw SystemError(call: "open", errno: .invalidArgument) }
      report.notes.append("neither superblock is readable: the cache was begun anew")
      return nil
    } catch {
      if error.errno == .invalidArgument {
        throw StoreError(
          .corrupt, path: dataPath,
          message: place.isElsewhere
            ? "\(dataPath) bears something that is no cache: choose another one, or overwrite its "
              + "first MiB with zeros to give it up"
            : "\(dataPath) is not a cache: choose another directory or remove the file")
      }
      throw StoreError(error, path: dataPath)
    }
  }

  /// Empties the data file and gives it superblocks.
  private mutating func format(
    _ file: DataFile, _ configuration: StoreConfiguration
  ) throws(StoreError) -> StoreHeader {
    let geometry = try geometry(for: file, configuration)
    report.isFormatted = true
    var header = StoreHeader(
      flags: .wipe, cacheID: .random(), indexID: .random(), geometry: geometry,
      limits: configuration.limits, bootID: Self.bootID(), openCount: 0, sequenceFloor: 0,
      serial: 1)
    do throws(SystemError) {
      // The index directory first: with it, a half-made data file is known as ours.
      try Paths.createDirectory(indexPath, mode: 0o700)
      try Paths.removeFile(recencyPath)
      try file.reset(to: geometry, configuration.preallocation)
      try file.write(header)
      header.serial = 2
      try file.write(header)
      try file.sync()
      try Paths.syncDirectory(directory)
    } catch {
      throw StoreError(error, path: dataPath, creating: true)
    }
    return header
  }

  /// The shape of a new cache, for which there must be room.
  private func geometry(
    for file: DataFile, _ configuration: StoreConfiguration
  ) throws(StoreError) -> Geometry {
    var geometry = try configuration.geometry()
    let status: FileStatus
    let (deviceByteCount, availableByteCount): (UInt64, UInt64)
    do throws(SystemError) {
      status = try file.status()
      deviceByteCount = try file.byteCount()
      availableByteCount = try file.availableByteCount()
    } catch {
      throw StoreError(error, path: dataPath, creating: true)
    }
    guard status.isRegular else {
      if configuration.capacityByteCount == nil {
        var fitting = configuration
        fitting.capacityByteCount =
          deviceByteCount - min(deviceByteCount, Geometry.headerByteCount)
        geometry = try fitting.geometry()
      }
      guard geometry.dataFileByteCount <= deviceByteCount else {
        throw StoreError(
          .badConfiguration, path: dataPath,
          message: "\(dataPath) has \(deviceByteCount) bytes, too few for the capacity and a "
            + "header of 1 MiB: leave the size out to use all of it")
      }
      return geometry
    }
    // Asked before an old cache goes: it shall not be lost for a new one that cannot be.
    let wanted = geometry.dataFileByteCount + UInt64(geometry.indexByteCount)
    if configuration.preallocation != .none,
      wanted > status.allocatedByteCount + availableByteCount
    {
      throw StoreError(
        .noSpace, path: dataPath,
        message: "\(dataPath): \(Errno.noSpace): \(wanted) bytes are to be reserved, and "
          + "\(availableByteCount) are left")
    }
    return geometry
  }

  /// Takes back what a formatting that failed has made.
  private func removeHalfMade(
    _ file: DataFile, _ place: DataPlace, wasThere: Bool, isNewDirectory: Bool
  ) {
    // Best effort: the error that is about to be thrown is the one that counts.
    _ = try? file.clear()
    if !wasThere || !place.isElsewhere { _ = try? Paths.removeFile(place.path) }
    for name in ["data.mdb", "lock.mdb"] { _ = try? Paths.removeFile("\(indexPath)/\(name)") }
    _ = try? Paths.removeDirectory(indexPath)
    if isNewDirectory { _ = try? Paths.removeDirectory(directory) }
  }

  /// The index that belongs to `header`, if it can be believed.
  private mutating func openIndex(for header: StoreHeader, _ helper: IndexHelper?) -> BlockIndex? {
    if header.flags.contains(.wipe) {
      report.notes.append("the index was given up by the last owner: the cache begins empty")
      return nil
    }
    guard (try? FileDescriptor(opening: indexPath, [.directory, .noFollow])) != nil,
      (try? FileDescriptor(opening: "\(indexPath)/data.mdb", [.readWrite, .noFollow])) != nil
    else {
      report.notes.append("the index is missing: the cache begins empty")
      return nil
    }
    guard isWhole(header, helper) else { return nil }
    do throws(LMDBError) {
      let index = try BlockIndex(opening: indexPath, geometry: header.geometry)
      guard try index.identifier() == header.indexID else {
        report.notes.append("the index belongs to another data file: the cache begins empty")
        return nil
      }
      guard try index.counters().lastSequence >= header.sequenceFloor else {
        report.notes.append("the index is older than the data file: the cache begins empty")
        return nil
      }
      return index
    } catch {
      report.notes.append("the index cannot be used (\(error)): the cache begins empty")
      return nil
    }
  }

  /// Whether LMDB may be let near the index: a damaged page could bring the process down with it.
  ///
  /// After a crash of the process alone the page cache holds what was written. After one of the
  /// machine, another process looks first.
  private mutating func isWhole(_ header: StoreHeader, _ helper: IndexHelper?) -> Bool {
    if let fault = metaFault() {
      report.notes.append("the index cannot be used (\(fault)): the cache begins empty")
      return false
    }
    if header.flags.contains(.clean) || header.bootID == Self.bootID() { return true }
    guard let helper else {
      report.notes.append("the machine stopped while the cache was open: it begins empty")
      return false
    }
    if let complaint = helper.complaint(about: indexPath, header.geometry) {
      report.notes.append(
        "the machine stopped while the cache was open, and the index is damaged (\(complaint)): "
          + "the cache begins empty")
      return false
    }
    return true
  }

  /// What is wrong with the index's meta pages and size; nil for nothing.
  private func metaFault() -> String? {
    do {
      let file = try FileDescriptor(opening: "\(indexPath)/data.mdb", [.readOnly, .noFollow])
      _ = try IndexMeta(reading: file)
      // The lock on the data file is the one that counts; what this one holds is of a dead process.
      try Paths.removeFile("\(indexPath)/lock.mdb")
      return nil
    } catch {
      return "\(error)"
    }
  }

  /// A new, empty index, all of its space reserved; `header` names it from its next writing on.
  private func makeIndex(for header: inout StoreHeader) throws(StoreError) -> BlockIndex {
    header.indexID = .random()
    header.sequenceFloor = 0
    let geometry = header.geometry
    do throws(SystemError) {
      try Paths.createDirectory(indexPath, mode: 0o700)
      try Paths.removeFile("\(indexPath)/data.mdb")
      try Paths.removeFile("\(indexPath)/lock.mdb")
    } catch {
      throw StoreError(error, path: indexPath, creating: true)
    }
    let index: BlockIndex
    do throws(LMDBError) {
      index = try BlockIndex(opening: indexPath, geometry: geometry)
      try index.setIdentifier(header.indexID)
    } catch {
      if case .system(let errno) = error.code {
        let error = SystemError(call: error.call, errno: Errno(rawValue: errno))
        throw StoreError(error, path: indexPath, creating: true)
      }
      throw StoreError(.io, path: indexPath, message: "\(indexPath): \(error)")
    }
    do throws(SystemError) {
      let data = try FileDescriptor(opening: "\(indexPath)/data.mdb", [.readWrite, .noFollow])
      try data.reserve(byteCount: UInt64(geometry.indexByteCount))
      try data.sync()
      try Paths.syncDirectory(indexPath)
      try Paths.syncDirectory(directory)
    } catch {
      throw StoreError(error, path: indexPath, creating: true)
    }
    return index
  }

  private mutating func recover(
    _ file: DataFile, _ header: StoreHeader, _ index: BlockIndex, hints: RecencyFile?
  ) -> (StoreCore, CommitWriter)? {
    guard let table = SlotTable(slotCount: header.geometry.slotCount) else { return nil }
    let core = StoreCore(
      directory: directory, geometry: header.geometry, file: file, table: table)
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
    writer.header.bootID = Self.bootID()
    writer.header.openCount += 1
    writer.header.sequenceFloor = writer.numbers.lastSequence
    writer.header.serial += 1
    do throws(SystemError) {
      try file.write(writer.header)
    } catch {
      throw StoreError(error, path: dataPath)
    }
  }

  /// Names this boot of the machine; a random identifier, equal to none, when it has no name.
  private static func bootID() -> Identifier {
    let path = "/proc/sys/kernel/random/boot_id"
    guard let file = try? FileDescriptor(opening: path, .readOnly),
      let text = try? file.read(byteCount: 64, at: 0), let id = Identifier(uuid: text)
    else { return .random() }
    return id
  }
}
