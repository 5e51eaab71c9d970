package import Linux

/// Why a cache cannot be opened, made or asked for something; reading and filling never throw.
package struct StoreError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What a caller can act on.
  package enum Code: Hashable, Sendable {
    /// Another process, or another store of this one, has the cache open; nil when it did not say.
    case busy(StoreOwner?)
    /// The directory or a file in it could not be made.
    case cannotCreate
    /// The operating system denies access to the directory or a file in it.
    case permission
    /// A configuration or argument that makes no sense.
    case badConfiguration
    /// Reading or writing failed.
    case io
    /// The file or device with the data, which is not in the cache's directory, is not there.
    case missing
    /// The files are not a cache of ours.
    case corrupt
    /// No such object.
    case notFound
    /// No room on the filesystem, or in the cache for what must have some.
    case noSpace
    /// The store is closed, or has given up after an error in its index.
    case closed
  }

  /// What to act on; the rest is for people.
  package let code: Code
  /// The file or directory concerned.
  package let path: String
  /// One line: what happened and what to do about it.
  package let message: String

  /// An error whose message says what happened to `path`, and what to do about it.
  package init(_ code: Code, path: String, message: String) {
    self.code = code
    self.path = path
    self.message = message
  }

  /// The message alone.
  package var description: String { message }

  /// What a failed system call on `path` means to the cache's user.
  package init(_ error: SystemError, path: String, creating: Bool = false) {
    let code: Code =
      switch error.errno {
      case .accessDenied, .notPermitted: .permission
      case .noSpace: .noSpace
      case .readOnlyFilesystem, .notDirectory, .noSuchFile, .tooManyLinks, .nameTooLong,
        .isDirectory, .fileExists:
        .cannotCreate
      default: creating ? .cannotCreate : .io
      }
    self.init(code, path: path, message: "\(path): \(error.errno) (\(error.call))")
  }
}

extension StoreError {
  /// What a failed system call on a cache's data means, wherever that is.
  init(_ error: SystemError, at place: DataPlace, of directory: String) {
    let isMissing = [.noSuchFile, .notDirectory, .noSuchDevice, .noDeviceAddress].contains(
      error.errno)
    guard place.isSettled, isMissing else {
      self.init(error, path: place.path, creating: !place.isSettled)
      return
    }
    self.init(
      .missing, path: place.path,
      message:
        "\(place.path): the data of the cache in \(directory) is not there (\(error.errno)): "
        + "attach it, or make another cache with 'cullet cache init'")
  }
}

/// The process that has a cache open.
package struct StoreOwner: Hashable, Sendable {
  /// Of the system that the owner runs on.
  package let processID: Int32
  /// When it opened the cache: nanoseconds since 1970-01-01 UTC.
  package let since: Int64

  /// An owner, as its mark in the data file tells.
  package init(processID: Int32, since: Int64) {
    self.processID = processID
    self.since = since
  }
}
