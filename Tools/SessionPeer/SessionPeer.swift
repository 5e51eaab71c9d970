internal import ArgumentParser
internal import EROFSReader
internal import FUSEServer
internal import Foundation
internal import ImageMount
internal import Linux

/// Serves mounts of images until another process takes them over; for the tests of that.
///
/// Two of them are needed: one mounts, the other, given `--adopt`, takes what that one has through a
/// socket and serves from when it has ended, however it did.
@main
struct SessionPeer: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve mounts of images, and hand them over.")

  @Argument(help: "Images, each followed by where it is mounted.") var places: [String]
  @Option(help: "The socket to hand over by, to the first who connects.") var handOver: String?
  @Option(help: "The socket of the process to take over from.") var adopt: String?
  @Flag(help: "Hand over a copy of the sessions, and go on until killed.") var keep = false
  @Flag(help: "Have the images share the page cache.") var share = false
  @Flag(help: "Have the kernel's EROFS read large files.") var large = false
  @Option(help: "Milliseconds before each read is answered.") var delay = 0
  @Option(help: "Threads to serve with.") var threads = 2

  func run() throws {
    let images = try stride(from: 0, to: places.count, by: 2).map { index in
      let bytes = try Data(contentsOf: URL(filePath: places[index]))
      return try Image(
        source: SlowSource(source: MemorySource([UInt8](bytes)), milliseconds: delay))
    }
    let mounts: Mounts
    if let adopt {
      mounts = try takeOver(images, from: try UnixSocket.connect(to: adopt))
    } else {
      mounts = try Mounts(of: images, on: share ? try ContentMount { print($0) } : nil)
      let directories = stride(from: 1, to: places.count, by: 2).map { places[$0] }
      try mounts.attach(to: directories, large: large, options)
    }
    if let handOver {
      try handOverTo(handOver, mounts)
    } else {
      say("serving")
      mounts.awaitEnd()
    }
    say("ended")
  }

  private var options: ServingOptions {
    ServingOptions(threadCount: threads, threadCountMax: threads, passesThrough: share || large)
  }

  private func takeOver(
    _ images: [Image], from peer: consuming FileDescriptor
  ) throws -> Mounts {
    var sessions: [SessionState] = []
    for _ in images { sessions.append(try SessionState(receivingFrom: peer)) }
    var hidden: [HiddenMountState] = []
    for _ in images.prefix(share ? 1 : large ? images.count : 0) {
      hidden.append(try HiddenMountState(receivingFrom: peer))
    }
    say("received")
    let mounts = try Mounts(
      of: images, on: share ? ContentMount(adopting: hidden[0]) { print($0) } : nil)
    if share || large { try mounts.receiveTables(from: peer, large: large ? hidden : []) }
    // Until the peer has ended.
    _ = try? peer.read(byteCount: 1)
    try mounts.resume(sessions, options)
    return mounts
  }

  private func handOverTo(_ path: String, _ mounts: Mounts) throws {
    let listener = try UnixSocket.listen(at: path)
    say("serving")
    let peer = try UnixSocket.accept(on: listener)
    try mounts.sendStates(to: peer)
    if !keep { mounts.stop() }
    mounts.awaitEnd()
    // The end of the socket tells the successor that nobody else serves any more.
    try mounts.sendTables(to: peer)
  }

  private func say(_ word: String) {
    FileHandle.standardOutput.write(Data("\(word)\n".utf8))
  }
}

/// A source that takes its time.
private struct SlowSource: BlockSource {
  let source: MemorySource
  let milliseconds: Int

  var byteCount: UInt64 { source.byteCount }

  func read(into target: inout MutableRawSpan, at offset: UInt64) throws(SourceError) {
    if milliseconds > 0 { Linux.Thread.sleep(milliseconds: milliseconds) }
    try source.read(into: &target, at: offset)
  }
}
