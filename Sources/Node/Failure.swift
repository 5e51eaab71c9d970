package import BlockStore
package import EROFSReader
package import FUSEServer
package import Linux
package import ReadPath

/// Exit codes, as sysexits.h names them.
package enum ExitStatus: Int32, Codable, Sendable {
  case failure = 1
  case usage = 64
  case badData = 65
  case noInput = 66
  case unavailable = 69
  case cannotCreate = 73
  case ioError = 74
  case tryAgain = 75
  case noPermission = 77
  case badConfiguration = 78
}

/// What a command failed with: one line for the user and the exit code for scripts.
///
/// The only error that leaves `Node`; it travels over the control socket as it is, so a command
/// reports the same whether it ran here or in the owner.
package struct Failure: Error, Codable, Equatable, Sendable {
  package let status: ExitStatus
  package let message: String
  /// Whether the owner of the cache went away before it answered, so that asking anew may help.
  let isOwnerLost: Bool
  /// Whether that was because it said nothing in time.
  var isSilence = false

  package init(_ status: ExitStatus, _ message: String) {
    self.init(status, message, isOwnerLost: false)
  }

  init(_ status: ExitStatus, _ message: String, isOwnerLost: Bool) {
    self.status = status
    self.message = message
    self.isOwnerLost = isOwnerLost
  }
}

extension Failure {
  package init(_ error: StoreError) {
    let status: ExitStatus =
      switch error.code {
      case .busy: .tryAgain
      case .cannotCreate: .cannotCreate
      case .permission: .noPermission
      case .badConfiguration: .badConfiguration
      case .io, .noSpace, .closed: .ioError
      case .corrupt: .badData
      case .missing, .notFound: .noInput
      }
    self.init(status, error.message)
  }

  package init(_ error: FUSEError) {
    let status: ExitStatus =
      switch error.code {
      case .mountPointMissing, .mountPointNotDirectory, .notMounted, .foreignMount: .noInput
      case .mountPointTaken, .mountInUse: .tryAgain
      case .permissionDenied: .noPermission
      case .deviceMissing, .helperMissing, .unsupportedKernel, .kernelLacksEROFS,
        .kernelLacksFileMounts:
        .unavailable
      case .imageRefused: .badData
      case .helperFailed: .cannotCreate
      case .system(let errno): Failure(SystemError(call: "", errno: errno)).status
      }
    self.init(status, "\(error)")
  }

  package init(_ error: SystemError) {
    let status: ExitStatus =
      switch error.errno {
      case .noSuchFile, .notDirectory, .isDirectory, .tooManyLinks, .nameTooLong: .noInput
      case .accessDenied, .notPermitted: .noPermission
      case .busy, .tryAgain: .tryAgain
      case .fileExists, .readOnlyFilesystem, .notEmpty: .cannotCreate
      default: .ioError
      }
    self.init(status, "\(error)")
  }

  /// A failure to read the image `source`.
  package init(_ error: ReadError, source: String) {
    switch error {
    case .format(let fault): self.init(.badData, "\(source): \(fault)")
    case .source(let fault): self.init(fault)
    }
  }

  package init(_ error: SourceError) {
    switch error.code {
    case .originUnavailable: self.init(.unavailable, error.message)
    case .outOfBounds: self.init(.badData, error.message)
    case .ioError, .stale, .interrupted: self.init(.ioError, error.message)
    }
  }

  package init(_ error: OriginError) {
    let status: ExitStatus =
      switch error.code {
      case .notFound: .noInput
      case .forbidden: .noPermission
      case .unavailable: .unavailable
      case .unsupported, .malformed: .badData
      case .changed: .ioError
      }
    self.init(status, error.message)
  }

  package init(_ error: OpenError) {
    switch error {
    case .origin(let error): self.init(error)
    case .store(let error): self.init(error)
    }
  }
}
