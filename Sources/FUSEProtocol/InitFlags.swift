/// The features that kernel and server offer each other in INIT.
///
/// The bits are those of the kernel's `FUSE_*` flags; 32 and up travel in `flags2`, which both
/// sides read only when ``extendedInit`` is set. Features of writable filesystems are left out.
package struct InitFlags: OptionSet, Hashable, Sendable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// Several page reads of one file may be under way at once.
  package static let asyncRead = InitFlags(rawValue: 1 << 0)
  package static let exportSupport = InitFlags(rawValue: 1 << 4)
  package static let automaticInvalidation = InitFlags(rawValue: 1 << 12)
  /// READDIRPLUS may be sent: names with their attributes, saving a LOOKUP each.
  package static let readDirectoryPlus = InitFlags(rawValue: 1 << 13)
  /// The kernel chooses between READDIR and READDIRPLUS by what the reader does with the names.
  package static let readDirectoryPlusAutomatic = InitFlags(rawValue: 1 << 14)
  package static let asyncDirectIO = InitFlags(rawValue: 1 << 15)
  /// ENOSYS to OPEN means that no file needs opening; the kernel never asks again.
  package static let noOpenSupport = InitFlags(rawValue: 1 << 17)
  /// LOOKUP and READDIR of one directory may run at once.
  package static let parallelDirectoryOperations = InitFlags(rawValue: 1 << 18)
  package static let posixACL = InitFlags(rawValue: 1 << 20)
  package static let abortError = InitFlags(rawValue: 1 << 21)
  /// The reply's `max_pages` counts; without it a read is at most 128 KiB.
  package static let maxPages = InitFlags(rawValue: 1 << 22)
  /// READLINK is asked once and kept in the page cache.
  package static let cacheSymlinks = InitFlags(rawValue: 1 << 23)
  /// As ``noOpenSupport``, for OPENDIR.
  package static let noOpenDirectorySupport = InitFlags(rawValue: 1 << 24)
  package static let explicitInvalidation = InitFlags(rawValue: 1 << 25)
  /// `flags2` is valid.
  package static let extendedInit = InitFlags(rawValue: 1 << 30)
  package static let expireOnly = InitFlags(rawValue: 1 << 35)
  package static let passthrough = InitFlags(rawValue: 1 << 37)
  package static let noExportSupport = InitFlags(rawValue: 1 << 38)
  package static let allowIDMapping = InitFlags(rawValue: 1 << 40)
  package static let overIORing = InitFlags(rawValue: 1 << 41)
}
