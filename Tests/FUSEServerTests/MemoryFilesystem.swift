import Bytes
import FUSEProtocol
import FUSEServer
import Foundation
import Linux
import TestSupport

/// A tree in memory, immutable once served, with hooks to make a read wait.
final class MemoryFilesystem: Filesystem {
  struct File: Sendable {
    var mode: UInt32
    var data: [UInt8] = []
    var children: [(name: [UInt8], node: Int)] = []
    var parent = 0
    var deviceNumber: UInt32 = 0
    var seconds: Int64 = 1_000_000_000
    var userID: UInt32 = 0
    var attributes: [(name: String, value: [UInt8])] = []
  }

  /// Node N is at index N - 1.
  let files: [File]
  private let byName: [[[UInt8]: Int]]
  /// Called by every read of a file or an extended attribute, before it reads.
  let onRead: @Sendable (NodeID) throws(Errno) -> Void
  let counts = Lock([String: Int]())
  private let openReply: OpenReply
  /// The handles that were released, in their order.
  let released = Lock([UInt64]())

  init(
    _ files: [File], openReply: OpenReply = OpenReply(flags: [.keepCache, .noFlush]),
    onRead: @escaping @Sendable (NodeID) throws(Errno) -> Void = { _ in }
  ) {
    self.files = files
    self.openReply = openReply
    self.onRead = onRead
    byName = files.map { file in
      Dictionary(uniqueKeysWithValues: file.children.map { ($0.name, $0.node) })
    }
  }

  private func file(_ node: NodeID) throws(Errno) -> File {
    guard let index = Int(exactly: node.rawValue), 1...files.count ~= index else { throw .stale }
    return files[index - 1]
  }

  private func count(_ call: String) {
    counts.withLock { $0[call, default: 0] += 1 }
  }

  func rested() {
    count("rested")
  }

  func attributes(of node: NodeID) throws(Errno) -> NodeAttributes {
    count("attributes")
    return try describe(node)
  }

  private func describe(_ node: NodeID) throws(Errno) -> NodeAttributes {
    let file = try file(node)
    return NodeAttributes(
      inodeNumber: node.rawValue, mode: file.mode, byteCount: UInt64(file.data.count),
      blockCount: UInt64(file.data.count.dividedRoundingUp(by: 512)),
      modificationSeconds: file.seconds, modificationNanoseconds: 123_456_789,
      linkCount: file.mode >> 12 == 4 ? 2 : 1, userID: file.userID, groupID: file.userID,
      deviceNumber: file.deviceNumber)
  }

  func lookUp(_ name: RawSpan, in directory: NodeID) throws(Errno) -> NodeEntry? {
    count("lookUp")
    let file = try file(directory)
    guard file.mode >> 12 == 4 else { throw .notDirectory }
    guard let index = byName[Int(directory.rawValue) - 1][name.copyBytes()] else { return nil }
    let node = NodeID(rawValue: UInt64(index + 1))
    return NodeEntry(node: node, attributes: try describe(node))
  }

  func readLink(_ node: NodeID) throws(Errno) -> [UInt8] {
    count("readLink")
    return try file(node).data
  }

  func open(_ node: NodeID) throws(Errno) -> OpenReply {
    openReply
  }

  func release(_ node: NodeID, handle: UInt64) {
    released.withLock { $0.append(handle) }
  }

  func read(
    _ node: NodeID, at offset: UInt64, into target: inout MutableRawSpan
  ) throws(Errno) -> Int {
    try onRead(node)
    guard let index = Int(exactly: node.rawValue), 1...files.count ~= index else { throw .stale }
    let data = files[index - 1].data
    guard offset < UInt64(data.count) else { return 0 }
    let start = Int(offset)
    let end = min(data.count, start + target.byteCount)
    target.copy(data.rawSpan.extracting(start..<end))
    return end - start
  }

  func readDirectory(
    _ node: NodeID, from cookie: UInt64, into listing: inout DirectoryListing
  ) throws(Errno) {
    count(listing.wantsAttributes ? "listPlus" : "list")
    let file = try file(node)
    let parent = NodeID(rawValue: UInt64(file.parent + 1))
    guard var position = Int(exactly: cookie), position <= file.children.count + 2 else { return }
    if position == 0 {
      let fits = listing.append(
        name: [UInt8(ascii: ".")].rawSpan, node: node, type: .directory, nextCookie: 1)
      if !fits { return }
      position = 1
    }
    if position == 1 {
      let fits = listing.append(
        name: Array("..".utf8).rawSpan, node: parent, type: .directory, nextCookie: 2)
      if !fits { return }
      position = 2
    }
    while position - 2 < file.children.count {
      let child = file.children[position - 2]
      let node = NodeID(rawValue: UInt64(child.node + 1))
      let entry =
        listing.wantsAttributes
        ? NodeEntry(node: node, attributes: try describe(node)) : nil
      position += 1
      let fits = listing.append(
        name: child.name.rawSpan, node: node, type: NodeType(mode: files[child.node].mode),
        nextCookie: UInt64(position), entry: entry)
      if !fits { return }
    }
  }

  func extendedAttribute(_ name: RawSpan, of node: NodeID) throws(Errno) -> [UInt8]? {
    try onRead(node)
    let name = String(decoding: name.copyBytes(), as: UTF8.self)
    return try file(node).attributes.first { $0.name == name }?.value
  }

  func extendedAttributeNames(of node: NodeID) throws(Errno) -> [[UInt8]] {
    try file(node).attributes.map { Array($0.name.utf8) }
  }

  func statistics() throws(Errno) -> FilesystemStatistics {
    FilesystemStatistics(blockCount: 12345, fileCount: UInt64(files.count))
  }
}

/// Builds the files of a ``MemoryFilesystem``.
struct TreeBuilder {
  var files = [MemoryFilesystem.File(mode: 0o040755)]

  /// Adds `file` as `name` to the directory at index `parent`; returns its index.
  @discardableResult
  mutating func add(_ name: String, _ file: MemoryFilesystem.File, to parent: Int = 0) -> Int {
    var file = file
    file.parent = parent
    files.append(file)
    files[parent].children.append((Array(name.utf8), files.count - 1))
    return files.count - 1
  }
}

/// A filesystem mounted and served for the length of a closure, gone after it whatever happens.
func withMount<Result>(
  of filesystem: any Filesystem, options: ServingOptions = ServingOptions(),
  _ body: (String, Session) throws -> Result
) throws -> Result {
  let directory = try TemporaryDirectory()
  let session = Session(
    filesystem: filesystem,
    device: try Mount.attach(source: "memory:test, one", on: directory.path), options: options)
  let failure = Lock<FUSEError?>(nil)
  let thread = try Thread(name: "session") {
    do throws(FUSEError) {
      try session.run()
    } catch {
      failure.withLock { $0 = error }
    }
  }
  defer {
    // Gone already when the test unmounted it.
    try? Mount.unmount(directory.path, lazy: true)
    session.stop()
    thread.join()
  }
  let result = try body(directory.path, session)
  if let error = failure.withLock({ $0 }) { throw error }
  return result
}

/// Whether this process may mount.
let canMount = geteuid() == 0 && FileManager.default.fileExists(atPath: "/dev/fuse")
