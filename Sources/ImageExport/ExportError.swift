package import EROFSReader
package import Linux

/// Why a tree could not be written out.
package enum ExportError: Error, Sendable {
  /// The image could not be read at `path` within it.
  case unreadable(ReadError, path: String)
  /// The target refused something at `path` within it.
  case unwritable(SystemError, path: String)
  /// The target directory holds something already.
  case notEmpty(String)
  /// Directories are nested deeper than the extractor follows.
  case tooDeep(path: String)
}
