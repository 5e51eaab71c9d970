internal import Bytes
package import EROFSReader
package import FUSEProtocol
package import FUSEServer
package import Linux

/// The bytes of images as read-only files, for the kernel's own EROFS to read.
///
/// Each is found by its path and in no listing. Stateless: a node is its place in a table made at
/// the start. Thread-safe.
package final class BlobFilesystem: HiddenFilesystem {
  /// A file to serve.
  package struct Blob: Sendable {
    /// Components joined by slashes; as for the kernel, empty ones do not count.
    package let path: String
    let source: any BlockSource

    package init(path: String, source: any BlockSource) {
      self.path = path
      self.source = source
    }
  }

  private struct Node {
    let parent: Int
    let name: [UInt8]
    /// Nil for a directory.
    let source: (any BlockSource)?
  }

  /// For reads that wait for a disk at most: enough that it and the processors are busy.
  private static let threadsPerProcessor = 4
  private static let threadCountMax = 16

  /// Node N is at index N - 1.
  private let nodes: [Node]
  private let onRest: @Sendable () -> Void
  private let onError: @Sendable (SourceError) -> Void

  /// Serves `blobs`, no two of which have the same path.
  ///
  /// `onRest` is told when nobody has read for a while after much was; `onError` hears of every read
  /// that fails, from the serving threads.
  package init(
    _ blobs: [Blob], onRest: @escaping @Sendable () -> Void = {},
    onError: @escaping @Sendable (SourceError) -> Void
  ) {
    self.onRest = onRest
    var nodes = [Node(parent: 0, name: [], source: nil)]
    for blob in blobs {
      var parent = 0
      let names = blob.path.utf8.split(separator: UInt8(ascii: "/")).map { [UInt8]($0) }
      for (depth, name) in names.enumerated() {
        nodes.append(
          Node(parent: parent, name: name, source: depth == names.count - 1 ? blob.source : nil))
        parent = nodes.count - 1
      }
    }
    self.nodes = nodes
    self.onError = onError
  }

  /// How sessions that serve such files are to be run; `isAtHand` when all of the images is on this machine.
  ///
  /// Then more threads take more of the processors' time for the same bytes, each with a buffer of its own.
  package static func options(isAtHand: Bool) -> ServingOptions {
    guard isAtHand else { return ServingOptions(handleless: false) }
    let threadCount = min(threadsPerProcessor * CurrentProcess.processorCount, threadCountMax)
    return ServingOptions(
      threadCount: threadCount, threadCountMax: threadCount, handleless: false)
  }

  package func rested() { onRest() }

  package func attributes(of node: NodeID) throws(Errno) -> NodeAttributes {
    attributes(of: node, byteCount: try self.node(node).source?.byteCount)
  }

  package func lookUp(_ name: RawSpan, in directory: NodeID) throws(Errno) -> NodeEntry? {
    _ = try node(directory)
    let (name, parent) = (name.copyBytes(), directory.rawValue - 1)
    // The root is its own parent, but has no name to be found by.
    let index = nodes.firstIndex { UInt64($0.parent) == parent && $0.name == name }
    guard let index, index > 0 else { return nil }
    let found = NodeID(rawValue: UInt64(index + 1))
    return NodeEntry(
      node: found, attributes: attributes(of: found, byteCount: nodes[index].source?.byteCount))
  }

  /// Past the page cache: the kernel's EROFS keeps the files' pages, and needs these once.
  ///
  /// Its metadata it reads as pages of this file nevertheless, and those are kept.
  package func open(_ node: NodeID) throws(Errno) -> OpenReply {
    OpenReply(flags: [.directIO, .keepCache, .noFlush])
  }

  package func read(
    _ node: NodeID, at offset: UInt64, into target: inout MutableRawSpan
  ) throws(Errno) -> Int {
    guard let source = try self.node(node).source else { throw .isDirectory }
    guard offset < source.byteCount else { return 0 }
    let count = Int(min(UInt64(target.byteCount), source.byteCount - offset))
    var wanted = target[bytes: 0..<count]
    while true {
      do throws(SourceError) {
        try source.read(into: &wanted, at: offset)
        return count
      } catch {
        // No file system fails stat(2) over a signal, and whoever waits for the page, or gets it
        // from the cache, may be somebody else.
        if error.code == .interrupted { continue }
        onError(error)
        throw .ioError
      }
    }
  }

  private func node(_ id: NodeID) throws(Errno) -> Node {
    guard 1...UInt64(nodes.count) ~= id.rawValue else { throw .stale }
    return nodes[Int(id.rawValue) - 1]
  }
}
