internal import Linux

/// Finding out whether the data file is a cache's, and of what shape.
extension StoreOpening {
  func openDataFile(
    _ place: DataPlace, _ mode: StoreConfiguration.IOMode
  ) throws(StoreError) -> DataFile {
    let file: DataFile
    let status: FileStatus
    do throws(SystemError) {
      file = try DataFile(opening: place, mode)
      status = try file.status()
      // So much for a device that was detached.
      if place.isSettled, try file.byteCount() == 0 {
        throw SystemError(call: "open", errno: .noSuchDevice)
      }
    } catch {
      throw StoreError(error, at: place, of: directory)
    }
    guard status.isRegular || (place.isElsewhere && status.isBlockDevice) else {
      throw StoreError(
        .cannotCreate, path: place.path,
        message: "\(place.path) is no regular file"
          + (place.isElsewhere ? ", and no block device" : "") + ": choose another place")
    }
    return file
  }

  /// The newest superblock; nil when the cache must be made.
  ///
  /// Refuses a file or device that is not ours.
  mutating func usableHeader(at place: DataPlace) throws(StoreError) -> StoreHeader? {
    // How to read the slots is in the superblock.
    let file = try openDataFile(place, .buffered)
    do throws(SystemError) {
      if let header = try file.readHeader() { return header }
      if try file.byteCount() == 0 { return nil }
      var isOurs = try file.bearsOurName() || (index.exists && !place.isElsewhere)
      if !isOurs, !place.isSettled {
        isOurs = try file.isBlank()
        if isOurs, place.isElsewhere { return nil }
      }
      if isOurs {
        report.notes.append("neither superblock is readable: the cache was begun anew")
        return nil
      }
    } catch {
      throw StoreError(error, path: place.path)
    }
    throw StoreError(
      .corrupt, path: place.path,
      message: place.isElsewhere
        ? "\(place.path) bears something that is no cache: choose another one, or overwrite its "
          + "first MiB with zeros to give it up"
        : "\(place.path) is not a cache: choose another directory or remove the file")
  }
}
