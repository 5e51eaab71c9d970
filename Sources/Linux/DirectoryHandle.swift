package import Bytes
internal import CLinux

/// An open directory in which files are made by name, never through a symbolic link.
///
/// Names are single components as bytes; one that is empty, a dot name, or holds a slash or a NUL
/// is refused, so nothing is ever made outside of the directory.
package struct DirectoryHandle: ~Copyable, Sendable {
  package let descriptor: FileDescriptor

  /// Opens the directory at `path`.
  package init(opening path: String) throws(SystemError) {
    descriptor = try FileDescriptor(opening: path, [.readOnly, .directory])
  }

  private init(_ descriptor: consuming FileDescriptor) {
    self.descriptor = descriptor
  }

  /// Makes the directory `name`, accessible to its owner only, and opens it.
  package func makeDirectory(_ name: FileName) throws(SystemError) -> DirectoryHandle {
    let directory = descriptor.rawValue
    try calling("mkdirat", name) { unsafe mkdirat(directory, $0, 0o700) }
    let opened = try calling("openat", name) {
      unsafe cullet_openat(directory, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
    }
    return DirectoryHandle(FileDescriptor(adopting: opened))
  }

  /// Makes the regular file `name`, which must not exist, accessible to its owner only.
  package func makeFile(_ name: FileName) throws(SystemError) -> FileDescriptor {
    let directory = descriptor.rawValue
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    let opened = try calling("openat", name) { unsafe cullet_openat(directory, $0, flags, 0o600) }
    return FileDescriptor(adopting: opened)
  }

  package func makeSymbolicLink(_ name: FileName, to target: [UInt8]) throws(SystemError) {
    let directory = descriptor.rawValue
    guard !target.contains(0) else {
      throw SystemError(call: "symlinkat", errno: .invalidArgument, subject: name.text)
    }
    let text = target.map { CChar(bitPattern: $0) } + [0]
    try calling("symlinkat", name) { unsafe symlinkat(text, directory, $0) }
  }

  /// Makes a device node, FIFO or socket; `mode` holds the type.
  package func makeNode(
    _ name: FileName, mode: UInt32, major: UInt32, minor: UInt32
  ) throws(SystemError) {
    let directory = descriptor.rawValue
    let device = cullet_makedev(major, minor)
    try calling("mknodat", name) { unsafe mknodat(directory, $0, mode, device) }
  }

  /// Makes `name` another name of the file that `otherName` is in `other`.
  package func makeHardLink(
    _ name: FileName, to otherName: FileName, in other: borrowing DirectoryHandle
  ) throws(SystemError) {
    let (directory, source) = (descriptor.rawValue, other.descriptor.rawValue)
    let sourceText = try Self.component(otherName, call: "linkat")
    try calling("linkat", name) { unsafe linkat(source, sourceText, directory, $0, 0) }
  }

  /// The directory `name`, never through a symbolic link.
  package func openDirectory(_ name: FileName) throws(SystemError) -> DirectoryHandle {
    let directory = descriptor.rawValue
    let opened = try calling("openat", name) {
      unsafe cullet_openat(directory, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
    }
    return DirectoryHandle(FileDescriptor(adopting: opened))
  }

  /// The directory at `path` within this one, and never outside it.
  package func openDirectory(beneath path: FileName) throws(SystemError) -> DirectoryHandle {
    DirectoryHandle(try FileDescriptor(openingBeneath: descriptor, path, .directory))
  }

  /// A second handle on the same directory.
  package func duplicate() throws(SystemError) -> DirectoryHandle {
    DirectoryHandle(try descriptor.duplicate())
  }

  /// The entry `name`, whose attributes are to be set while this handle is open.
  package func entry(_ name: FileName) -> Entry {
    Entry(directory: descriptor.rawValue, name: name.bytes)
  }

  /// The directory itself as an entry.
  package func itself() -> Entry {
    Entry(directory: descriptor.rawValue, name: [0x2E])
  }

  /// Whether the directory has no entries but the dots.
  package func isEmpty() throws(SystemError) -> Bool {
    let copy = try descriptor.duplicate().release()
    guard let stream = unsafe fdopendir(copy) else {
      throw SystemError(call: "fdopendir", errno: .current)
    }
    defer { unsafe closedir(stream) }
    var count = 0
    while unsafe readdir(stream) != nil { count += 1 }
    return count <= 2
  }

  @discardableResult
  private func calling(
    _ call: StaticString, _ name: FileName, _ body: ([CChar]) -> Int32
  ) throws(SystemError) -> Int32 {
    let text = try Self.component(name, call: call)
    return Int32(try retryingInterrupts(call, name.text) { Int(body(text)) })
  }

  private static func component(
    _ name: FileName, call: StaticString
  ) throws(SystemError) -> [CChar] {
    let bytes = name.bytes
    let isDots = bytes == [0x2E] || bytes == [0x2E, 0x2E]
    guard !bytes.isEmpty, !isDots, !bytes.contains(0), !bytes.contains(0x2F) else {
      throw SystemError(call: "\(call)", errno: .invalidArgument, subject: name.text)
    }
    return bytes.map { CChar(bitPattern: $0) } + [0]
  }
}
