internal import LMDB
internal import Linux

/// The directory `index` of a cache: whether what lies there is believed, and what is made anew.
struct IndexDirectory {
  let path: String
  private var dataPath: String { "\(path)/data.mdb" }
  private var lockPath: String { "\(path)/lock.mdb" }

  /// Whether there is such a directory.
  var exists: Bool {
    (try? FileDescriptor(opening: path, [.directory, .noFollow])) != nil
  }

  /// Makes the directory itself, if it is missing.
  func create() throws(SystemError) {
    try Paths.createDirectory(path, mode: 0o700)
  }

  /// Removes the directory and the files of an index; best effort.
  func remove() {
    for path in [dataPath, lockPath] { _ = try? Paths.removeFile(path) }
    _ = try? Paths.removeDirectory(path)
  }
}

// An index that is there.
extension IndexDirectory {
  /// Opens the index that belongs to `header`; throws why it is not believed.
  ///
  /// After a crash of the machine `helper` looks at it first; without one it is not believed.
  func open(
    for header: StoreHeader, checkedBy helper: IndexHelper?
  ) throws(IndexFault) -> BlockIndex {
    if header.flags.contains(.wipe) {
      throw IndexFault("the index was given up by the last owner")
    }
    guard exists, (try? FileDescriptor(opening: dataPath, [.readWrite, .noFollow])) != nil else {
      throw IndexFault("the index is missing")
    }
    try checkMeta()
    if !header.flags.contains(.clean), header.bootID != .ofThisBoot() {
      try checkPages(header.geometry, helper)
    }
    let (index, id, lastSequence): (BlockIndex, Identifier?, UInt64)
    do throws(LMDBError) {
      index = try BlockIndex(opening: path, geometry: header.geometry)
      id = try index.identifier()
      lastSequence = try index.counters().lastSequence
    } catch {
      throw IndexFault("the index cannot be used (\(error))")
    }
    guard id == header.indexID else {
      throw IndexFault("the index belongs to another data file")
    }
    guard lastSequence >= header.sequenceFloor else {
      throw IndexFault("the index is older than the data file")
    }
    return index
  }

  /// Looks at the meta pages and the size: what is cheap enough for every opening.
  private func checkMeta() throws(IndexFault) {
    do {
      let file = try FileDescriptor(opening: dataPath, [.readOnly, .noFollow])
      _ = try IndexMeta(reading: file)
      // The lock on the data file is the one that counts; what this one holds is of a dead process.
      try Paths.removeFile(lockPath)
    } catch {
      throw IndexFault("the index cannot be used (\(error))")
    }
  }

  /// Has another process look at every page: a damaged one could bring this process down.
  ///
  /// After a crash of the process alone the page cache holds what was written, and this is not
  /// needed.
  private func checkPages(_ geometry: Geometry, _ helper: IndexHelper?) throws(IndexFault) {
    guard let helper else { throw IndexFault("the machine stopped while the cache was open") }
    if let complaint = helper.complaint(about: path, geometry) {
      throw IndexFault(
        "the machine stopped while the cache was open, and the index is damaged (\(complaint))")
    }
  }
}

// A new index.
extension IndexDirectory {
  /// A new, empty index called `id` in place of any that is there, all of its space reserved.
  func make(_ id: Identifier, _ geometry: Geometry) throws(StoreError) -> BlockIndex {
    do throws(SystemError) {
      try create()
      try Paths.removeFile(dataPath)
      try Paths.removeFile(lockPath)
    } catch {
      throw StoreError(error, path: path, creating: true)
    }
    let index: BlockIndex
    do throws(LMDBError) {
      index = try BlockIndex(opening: path, geometry: geometry)
      try index.setIdentifier(id)
    } catch {
      if case .system(let errno) = error.code {
        let error = SystemError(call: error.call, errno: Errno(rawValue: errno))
        throw StoreError(error, path: path, creating: true)
      }
      throw StoreError(.io, path: path, message: "\(path): \(error)")
    }
    do throws(SystemError) {
      let data = try FileDescriptor(opening: dataPath, [.readWrite, .noFollow])
      try data.reserve(byteCount: UInt64(geometry.indexByteCount))
      try data.sync()
      try Paths.syncDirectory(path)
      try Paths.syncDirectory(Paths.parent(of: path))
    } catch {
      throw StoreError(error, path: path, creating: true)
    }
    return index
  }
}
