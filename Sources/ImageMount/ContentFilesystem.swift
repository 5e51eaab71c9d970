internal import Bytes
internal import EROFSReader
internal import FUSEProtocol
internal import FUSEServer
internal import Linux

/// The content mount's files, each found by its number and in no listing.
///
/// Thread-safe.
final class ContentFilesystem: HiddenFilesystem {
  private struct Line {
    var connection: Connection?
    var isOver = false
  }

  private let nodes = Lock<[NodeID: ContentNode]>([:])
  private let line = Lock(Line())
  private let onError: @Sendable (ReadError) -> Void

  /// `onError` hears of every read that fails, from the serving threads.
  init(onError: @escaping @Sendable (ReadError) -> Void) {
    self.onError = onError
  }

  /// Lets `node` be found.
  func insert(_ node: ContentNode) {
    nodes.withLock { $0[node.id] = node }
  }

  var allNodes: [ContentNode] { nodes.withLock { Array($0.values) } }

  /// The node that has `number`.
  func node(numbered number: UInt64) -> ContentNode? {
    nodes.withLock { $0[NodeID(rawValue: number)] }
  }

  /// Forgets `node`, and makes the kernel do so.
  func remove(_ node: ContentNode) {
    let removed = nodes.withLock { $0.removeValue(forKey: node.id) }
    _ = removed
    line.withLock { $0.connection }?.forgetEntry(Array(node.name.utf8), in: .root)
  }

  /// Makes the kernel drop what it has of the content of `node`; false when it does not.
  func forgetContent(of node: ContentNode) -> Bool {
    line.withLock { $0.connection }?.forgetContent(of: node.id) ?? false
  }

  func connected(_ connection: Connection) {
    line.withLock { $0.connection = connection }
    line.signalAll()
  }

  /// Forgets all nodes, and the images behind them.
  func removeAll() {
    let removed = nodes.withLock { nodes in
      defer { nodes = [:] }
      return nodes
    }
    _ = removed
  }

  /// Hears that the session has ended.
  func disconnected() {
    line.withLock { $0.isOver = true }
    line.signalAll()
  }

  /// Waits for the connection; nil when the session ended before there was one.
  func awaitConnection() -> Connection? {
    line.wait { line -> Connection?? in
      line.connection.map { .some($0) } ?? (line.isOver ? .some(nil) : nil)
    } ?? nil
  }

  /// Has the images that are read through the mount let go of what reading took.
  func rested() {
    let images = allNodes.reduce(
      into: [ObjectIdentifier: PagedImage]()
    ) { images, node in
      for image in node.images { images[ObjectIdentifier(image)] = image }
    }
    for image in images.values { image.image.releaseBuffers() }
  }

  func attributes(of node: NodeID) throws(Errno) -> NodeAttributes {
    attributes(of: node, byteCount: node == .root ? nil : try found(node).byteCount)
  }

  func lookUp(_ name: RawSpan, in directory: NodeID) throws(Errno) -> NodeEntry? {
    let text = String(decoding: name.copyBytes(), as: UTF8.self)
    guard directory == .root, let number = UInt64(text, radix: 16),
      let node = node(numbered: number)
    else {
      // Not remembered: the next node may have the name.
      throw .noSuchFile
    }
    return NodeEntry(node: node.id, attributes: attributes(of: node.id, byteCount: node.byteCount))
  }

  func read(
    _ node: NodeID, at offset: UInt64, into target: inout MutableRawSpan
  ) throws(Errno) -> Int {
    let file = try found(node)
    guard offset < file.byteCount else { return 0 }
    let count = Int(min(UInt64(target.byteCount), file.byteCount - offset))
    var wanted = target[bytes: 0..<count]
    do throws(ReadError) {
      try file.read(at: offset, into: &wanted)
      return count
    } catch {
      onError(error)
      throw Errno(error)
    }
  }

  private func found(_ node: NodeID) throws(Errno) -> ContentNode {
    guard let found = self.node(numbered: node.rawValue) else { throw .stale }
    return found
  }
}
