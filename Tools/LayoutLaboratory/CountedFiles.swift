internal import Bytes
internal import CLinux
internal import Linux

/// Files below a directory, every call on their names and attributes counted.
struct CountedFiles {
  let directory: String
  private(set) var counts = OperationCounts()

  init(in directory: String) {
    self.directory = directory
  }

  /// Opens the file `name` for reading and writing, making it when asked to; nil when it is missing.
  mutating func open(_ name: String, creating: Bool = false) throws -> FileDescriptor? {
    counts.opens += 1
    do throws(SystemError) {
      return try FileDescriptor(opening: path(name), .readWrite)
    } catch {
      guard error.errno == .noSuchFile else { throw error }
      guard creating else { return nil }
    }
    counts.nameChanges += 1
    return try FileDescriptor(opening: path(name), [.readWrite, .create], mode: 0o600)
  }

  mutating func makeDirectory(_ name: String) throws {
    if try Paths.createDirectory(path(name), mode: 0o700) { counts.nameChanges += 1 }
  }

  mutating func remove(_ name: String) throws {
    counts.nameChanges += 1
    try Paths.removeFile(path(name))
  }

  mutating func truncate(_ file: borrowing FileDescriptor) throws {
    counts.nameChanges += 1
    try file.truncate(toByteCount: 0)
  }

  /// The one byte of the file's attribute; nil when it has none.
  mutating func attribute(of file: borrowing FileDescriptor) -> UInt8? {
    counts.attributes += 1
    var value: UInt8 = 0
    let count = unsafe fgetxattr(file.rawValue, "user.coherency", &value, 1)
    return count == 1 ? value : nil
  }

  mutating func setAttribute(_ value: UInt8, of file: borrowing FileDescriptor) throws {
    counts.attributes += 1
    var value = value
    let descriptor = file.rawValue
    _ = try retryingInterrupts("fsetxattr") {
      Int(unsafe fsetxattr(descriptor, "user.coherency", &value, 1, 0))
    }
  }

  /// Whether all of `range` holds data and no hole.
  mutating func hasData(_ range: Range<Int>, in file: borrowing FileDescriptor) -> Bool {
    counts.searches += 2
    guard lseek(file.rawValue, range.lowerBound, SEEK_DATA) == range.lowerBound else {
      return false
    }
    return lseek(file.rawValue, range.lowerBound, SEEK_HOLE) >= range.upperBound
  }

  /// When a file was last read, in nanoseconds, and how many blocks of 512 bytes it takes.
  mutating func usage(of name: String) throws -> (lastUse: Int, sectorCount: Int) {
    counts.searches += 1
    var status = stat()
    let path = path(name)
    _ = try retryingInterrupts("stat") { Int(unsafe stat(path, &status)) }
    return (
      status.st_atim.tv_sec * 1_000_000_000 + status.st_atim.tv_nsec, Int(status.st_blocks)
    )
  }

  /// The names in the directory `name`.
  mutating func names(in name: String) throws -> [String] {
    counts.opens += 1
    return try FileDescriptor(opening: path(name), [.readOnly, .directory])
      .entryNames(limit: 1 << 20).map(\.text)
  }

  private func path(_ name: String) -> String { "\(directory)/\(name)" }
}

/// Writes everything of the filesystem that `directory` is on, names and attributes included.
func syncFilesystem(of directory: String) throws {
  let file = try FileDescriptor(opening: directory, [.readOnly, .directory])
  let descriptor = file.rawValue
  _ = try retryingInterrupts("syncfs") { Int(syncfs(descriptor)) }
}
