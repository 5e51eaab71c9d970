internal import Bytes
internal import EROFS
package import EROFSReader
internal import Linux

/// Writes an image's tree into a directory: contents, links, owners, modes, times, attributes.
///
/// Nothing is written outside of the target, whatever the image says: every file is made by name
/// in a directory that was made here. Holes stay holes. Not thread-safe.
package struct Extractor {
  /// One directory a level is held open while its subtree is written.
  private static let depthLimit = 512
  private static let pieceByteCount = 1 << 20

  private let image: Image
  private let keepsOwners: Bool
  /// The first path of every file that has several, if it could be made.
  private var firstPaths: [UInt64: [FileName]] = [:]
  /// Directories written or being written; a second path to one would multiply what is below it.
  private var directories: Set<UInt64> = []
  private var buffer = [UInt8](repeating: 0, count: pieceByteCount)

  /// Entries written so far.
  package private(set) var entryCount = 0
  /// What could not be kept for want of privilege, or of support in the target filesystem.
  package private(set) var omissions: [String] = []

  /// An extractor of `image`; without `keepsOwners` everything belongs to whoever runs it.
  package init(_ image: Image, keepsOwners: Bool) {
    self.image = image
    self.keepsOwners = keepsOwners
  }

  /// Writes the whole tree into the directory at `path`, which must exist and be empty.
  package mutating func extract(into path: String) throws(ExportError) {
    let root = try writing([]) { () throws(SystemError) in try DirectoryHandle(opening: path) }
    guard try writing([], { () throws(SystemError) in try root.isEmpty() }) else {
      throw .notEmpty(path)
    }
    let inode = try reading([]) { () throws(ReadError) in
      try image.inode(image.superblock.rootNID)
    }
    try fill(root, from: inode, at: [], root: root)
    // The target itself is reached from within, as "." cannot be: its own parent is not ours.
    let itself = root.itself()
    try setAttributes(of: inode, at: [], itself)
  }

  private mutating func fill(
    _ directory: borrowing DirectoryHandle, from inode: Inode, at path: [FileName],
    root: borrowing DirectoryHandle
  ) throws(ExportError) {
    guard path.count < Self.depthLimit else { throw .tooDeep(path: text(path)) }
    guard directories.insert(inode.nid).inserted else {
      throw .unreadable(.format(EROFSError(.directoryLoop, at: inode.nid)), path: text(path))
    }
    let entries = try reading(path) { () throws(ReadError) in try image.entries(of: inode) }
    for entry in entries {
      let path = path + [entry.name]
      let child = try reading(path) { () throws(ReadError) in try image.inode(entry.nid) }
      entryCount += 1
      if let first = firstPaths[child.nid] {
        try link(entry.name, in: directory, at: path, to: first, root: root)
        continue
      }
      let isMade = try make(child, in: directory, at: path, root: root)
      if isMade, child.linkCount > 1, child.fileType != .directory {
        firstPaths[child.nid] = path
      }
    }
  }

  /// Makes the file that `path` ends with; false when that had to be omitted.
  private mutating func make(
    _ inode: Inode, in directory: borrowing DirectoryHandle, at path: [FileName],
    root: borrowing DirectoryHandle
  ) throws(ExportError) -> Bool {
    guard let name = path.last else { return false }
    switch inode.fileType {
    case .directory:
      let made = try writing(path) { () throws(SystemError) in try directory.makeDirectory(name) }
      try fill(made, from: inode, at: path, root: root)
    case .regular:
      let file = try writing(path) { () throws(SystemError) in try directory.makeFile(name) }
      try copyContent(of: inode, to: file, at: path)
    case .symbolicLink:
      let target = try reading(path) { () throws(ReadError) in
        try image.symbolicLinkTarget(inode)
      }
      try writing(path) { () throws(SystemError) in
        try directory.makeSymbolicLink(name, to: target)
      }
    case .characterDevice, .blockDevice, .fifo, .socket:
      let isMade = try omitting("node", at: path) { () throws(SystemError) in
        try directory.makeNode(
          name, mode: UInt32(inode.mode), major: inode.deviceNumber.major,
          minor: inode.deviceNumber.minor)
      }
      guard isMade else { return false }
    }
    try setAttributes(of: inode, at: path, directory.entry(name))
    return true
  }

  private func link(
    _ name: FileName, in directory: borrowing DirectoryHandle, at path: [FileName],
    to first: [FileName], root: borrowing DirectoryHandle
  ) throws(ExportError) {
    try writing(path) { () throws(SystemError) in
      guard let firstName = first.last else { return }
      var parent = try root.duplicate()
      for component in first.dropLast() { parent = try parent.openDirectory(component) }
      try directory.makeHardLink(name, to: firstName, in: parent)
    }
  }

  /// The parts of a file between its holes: large reads take fewer requests, and share the decoding.
  private static func contentRanges(_ extents: [Extent]) -> [Range<UInt64>] {
    var ranges: [Range<UInt64>] = []
    for extent in extents where extent.kind != .hole {
      if let last = ranges.last, last.upperBound == extent.fileOffset {
        ranges[ranges.count - 1] = last.lowerBound..<extent.fileEnd
      } else {
        ranges.append(extent.fileOffset..<extent.fileEnd)
      }
    }
    return ranges
  }

  /// Copies the content but for its holes, and sets the size for the last of them.
  private mutating func copyContent(
    of inode: Inode, to file: borrowing FileDescriptor, at path: [FileName]
  ) throws(ExportError) {
    let extents = try reading(path) { () throws(ReadError) in try image.extents(of: inode) }
    for range in Self.contentRanges(extents) {
      var offset = range.lowerBound
      while offset < range.upperBound {
        let image = image
        let wanted = Int(min(UInt64(Self.pieceByteCount), range.upperBound - offset))
        let count: Int
        do throws(ReadError) {
          var whole = buffer.mutableRawSpan
          var target = whole[bytes: 0..<wanted]
          count = try image.read(inode, at: offset, into: &target)
        } catch {
          throw .unreadable(error, path: text(path))
        }
        guard count > 0 else { break }
        do throws(SystemError) {
          try file.write(buffer.rawSpan.extracting(0..<count), at: offset)
        } catch {
          throw .unwritable(error, path: text(path))
        }
        offset += UInt64(count)
      }
    }
    try writing(path) { () throws(SystemError) in try file.truncate(toByteCount: inode.byteCount) }
  }

  /// Owner before attributes and mode, for changing it clears capabilities and set-id bits; the
  /// time last.
  private mutating func setAttributes(
    of inode: Inode, at path: [FileName], _ entry: DirectoryHandle.Entry
  ) throws(ExportError) {
    if keepsOwners {
      try writing(path) { () throws(SystemError) in
        try entry.setOwner(userID: inode.userID, groupID: inode.groupID)
      }
    }
    let attributes = try reading(path) { () throws(ReadError) in
      try image.extendedAttributes(inode)
    }
    for (name, value) in attributes {
      try omitting("attribute \(FileName(name).text)", at: path) { () throws(SystemError) in
        try entry.setExtendedAttribute(name, to: value)
      }
    }
    if inode.fileType != .symbolicLink {
      try writing(path) { () throws(SystemError) in try entry.setPermissions(to: UInt32(inode.mode))
      }
    }
    try writing(path) { () throws(SystemError) in
      try entry.setModificationTime(
        seconds: inode.modificationTime.seconds, nanoseconds: inode.modificationTime.nanoseconds)
    }
  }

  /// Runs `body`; when the target cannot do that or we may not, notes it and returns false.
  @discardableResult
  private mutating func omitting(
    _ what: String, at path: [FileName], _ body: () throws(SystemError) -> Void
  ) throws(ExportError) -> Bool {
    do throws(SystemError) {
      try body()
      return true
    } catch {
      let tolerated: [Errno] = [.notPermitted, .accessDenied, .notSupported, .noSpace]
      guard tolerated.contains(error.errno) else { throw .unwritable(error, path: text(path)) }
      omissions.append("\(text(path)): \(what): \(error.errno)")
      return false
    }
  }

  private func writing<Value: ~Copyable>(
    _ path: [FileName], _ body: () throws(SystemError) -> Value
  ) throws(ExportError) -> Value {
    do throws(SystemError) {
      return try body()
    } catch {
      throw .unwritable(error, path: text(path))
    }
  }

  private func reading<Value>(
    _ path: [FileName], _ body: () throws(ReadError) -> Value
  ) throws(ExportError) -> Value {
    do throws(ReadError) {
      return try body()
    } catch {
      throw .unreadable(error, path: text(path))
    }
  }

  private func text(_ path: [FileName]) -> String {
    path.isEmpty ? "." : path.map(\.text).joined(separator: "/")
  }
}
