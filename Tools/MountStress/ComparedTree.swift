internal import Foundation

/// A mount of ours, and another of the same image.
struct ComparedTree: Sendable {
  let ours: String
  let other: String
  /// Paths below either, "" for the root.
  let files: [String]
  let directories: [String]
  let links: [String]

  init(ours: String, other: String) {
    self.ours = ours
    self.other = other
    var (files, directories, links): ([String], [String], [String]) = ([], [""], [])
    let walk = FileManager.default.enumerator(atPath: other)
    while let path = walk?.nextObject() as? String {
      switch walk?.fileAttributes?[.type] as? FileAttributeType {
      case .typeRegular?: files.append("/" + path)
      case .typeDirectory?: directories.append("/" + path)
      case .typeSymbolicLink?: links.append("/" + path)
      default: break
      }
    }
    (self.files, self.directories, self.links) = (files, directories, links)
  }
}
