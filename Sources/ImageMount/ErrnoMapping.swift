internal import EROFS
internal import EROFSReader
internal import Linux

extension Errno {
  /// What a reader of the mount sees for `error`.
  ///
  /// Corruption is EUCLEAN and an unknown feature EOPNOTSUPP, as in the kernel's EROFS; whatever
  /// the cache or the origin could not supply is EIO.
  init(_ error: ReadError) {
    switch error {
    case .format(let fault): self = fault.isUnsupported ? .notSupported : .needsCleaning
    case .source(let fault): self = fault.code == .interrupted ? .interrupted : .ioError
    }
  }
}
