internal import Bytes
internal import Linux

/// The files that the server offers and nothing beside them.
///
/// Named files are opened anew by their own path; paths within directories are resolved by the
/// kernel beneath the directory's descriptor, so neither `..` nor a symbolic link leads out.
final class Shelf: Sendable {
  private let files: [FileName: String]
  private let directories: [Directory]

  /// What a request path leads to.
  enum Item: Sendable {
    case file(ServedFile)
    case listing([FileName])
  }

  private final class Directory: Sendable {
    let descriptor: FileDescriptor

    init(_ descriptor: consuming FileDescriptor) {
      self.descriptor = descriptor
    }
  }

  /// The most names that one listing shows.
  private static let listedCountMax = 10_000

  init(paths: [String]) throws(OriginServerError) {
    var files: [FileName: String] = [:]
    var directories: [Directory] = []
    for path in paths {
      let status: FileStatus
      do throws(SystemError) {
        let descriptor = try FileDescriptor(opening: path, [.readOnly, .nonBlocking])
        status = try descriptor.status()
        if status.isDirectory { directories.append(Directory(descriptor)) }
      } catch {
        throw OriginServerError(.noInput, "cannot serve \(path): \(error.errno)")
      }
      guard !status.isDirectory else { continue }
      guard status.isRegular else {
        throw OriginServerError(.noInput, "cannot serve \(path): neither a file nor a directory")
      }
      let name = FileName(Array(path.utf8.split(separator: UInt8(ascii: "/")).last ?? [][...]))
      guard files.updateValue(path, forKey: name) == nil else {
        throw OriginServerError(.usage, "two files named \(name.text); rename one of them")
      }
    }
    self.files = files
    self.directories = directories
  }

  /// What is at `path`, without its leading slash; nil for what is not there or not to be seen.
  func item(at path: FileName) -> Item? {
    guard !path.bytes.contains(0) else { return nil }
    if let named = files[path] {
      guard let descriptor = try? FileDescriptor(opening: named, [.readOnly, .nonBlocking]),
        let file = try? ServedFile(descriptor)
      else { return nil }
      return .file(file)
    }
    let isRoot = path.bytes.isEmpty
    var names: Set<FileName> = isRoot ? Set(files.keys) : []
    var isListing = isRoot
    for directory in directories {
      let within = isRoot ? FileName(".") : path
      guard
        let descriptor = try? FileDescriptor(
          openingBeneath: directory.descriptor, within, [.readOnly, .nonBlocking]),
        let status = try? descriptor.status()
      else { continue }
      if status.isDirectory {
        guard isRoot || path.bytes.last == UInt8(ascii: "/") else { continue }
        isListing = true
        names.formUnion((try? descriptor.entryNames(limit: Self.listedCountMax)) ?? [])
      } else if let file = try? ServedFile(descriptor) {
        return .file(file)
      }
    }
    return isListing ? .listing(names.sorted()) : nil
  }
}
