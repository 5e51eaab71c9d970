internal import Bytes
internal import Linux

/// Where a cache's data file is: in its directory, or where the directory's file `data-path` says.
struct DataPlace: Equatable {
  let path: String
  /// Whether it is outside of the directory, named by the user: a file, a device or a link to one.
  let isElsewhere: Bool
  /// Whether a cache was made there before, so that nothing may be made in its place unasked.
  let isSettled: Bool

  /// How to open it.
  var openFlags: FileDescriptor.OpenFlags {
    isElsewhere ? (isSettled ? [] : .create) : [.create, .noFollow]
  }

  private static func notePath(in directory: String) -> String { "\(directory)/data-path" }

  /// The place of the cache in `directory`: `wanted` when it is to be made or `reformatting`, else
  /// wherever it was made.
  init(
    in directory: String, wanted: String?, reformatting: Bool
  ) throws(SystemError) {
    let inside = "\(directory)/cache.dat"
    let noted = reformatting ? nil : try Self.note(in: directory)
    let isInside = reformatting ? false : try Self.exists(inside)
    if let noted {
      self.init(path: noted, isElsewhere: true, isSettled: true)
    } else if let wanted, !isInside {
      let isAbsolute = wanted.utf8.first == UInt8(ascii: "/")
      self.init(
        path: isAbsolute ? wanted : "\(Paths.workingDirectory)/\(wanted)", isElsewhere: true,
        isSettled: false)
    } else {
      self.init(path: inside, isElsewhere: false, isSettled: false)
    }
  }

  private init(path: String, isElsewhere: Bool, isSettled: Bool) {
    self.path = path
    self.isElsewhere = isElsewhere
    self.isSettled = isSettled
  }

  /// Notes in `directory` that its data is here from now on, durably, and removes what was in the
  /// directory before.
  func settle(in directory: String) throws(SystemError) {
    let note = Self.notePath(in: directory)
    if isElsewhere {
      try Paths.replaceFile(note, with: Array("\(path)\n".utf8).rawSpan)
      try Paths.removeFile("\(directory)/cache.dat")
    } else {
      try Paths.removeFile(note)
    }
    try Paths.syncDirectory(directory)
  }

  private static func note(in directory: String) throws(SystemError) -> String? {
    do throws(SystemError) {
      let file = try FileDescriptor(opening: notePath(in: directory), [.readOnly, .noFollow])
      let bytes = try file.read(byteCount: 4096, at: 0)
      return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    } catch {
      if [.noSuchFile, .notDirectory].contains(error.errno) { return nil }
      throw error
    }
  }

  /// Whether there is anything at `path`.
  static func exists(_ path: String) throws(SystemError) -> Bool {
    do throws(SystemError) {
      _ = try FileDescriptor(opening: path, [.pathOnly, .noFollow])
      return true
    } catch {
      if [.noSuchFile, .notDirectory].contains(error.errno) { return false }
      throw error
    }
  }
}
