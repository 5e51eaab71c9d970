internal import ArgumentParser
internal import Bytes
internal import EROFSReader
internal import FUSEServer
internal import Foundation
internal import ImageMount
internal import Linux

/// Serves a mount of an image until another process takes it over; for the tests of that.
///
/// Two of them are needed: one mounts, the other, given `--adopt`, takes its session through a socket
/// and serves from when the first has ended, however it did.
@main
struct SessionPeer: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve a mount of an image, and hand it over.")

  @Argument(help: "The image.") var image: String
  @Argument(help: "Where it is mounted.") var directory: String
  @Option(help: "The socket through which the session goes from one process to the other.")
  var socket: String
  @Flag(help: "Take over what another process mounted.") var adopt = false
  @Flag(help: "Hand over a copy of the session, and go on until killed.") var keep = false
  @Option(help: "Milliseconds before each read is answered.") var delay = 0
  @Option(help: "Threads to serve with.") var threads = 2

  func run() throws {
    let source = SlowSource(
      MemorySource([UInt8](try Data(contentsOf: URL(filePath: image)))), milliseconds: delay)
    let filesystem = ImageFilesystem(image: try Image(source: source)) { print($0) }
    let options = ServingOptions(threadCount: threads, threadCountMax: threads)
    if adopt {
      let peer = try UnixSocket.connect(to: socket)
      let state = try SessionState(receivingFrom: peer)
      say("received")
      // Until the peer has ended.
      var byte: [UInt8] = [0]
      var span = byte.mutableRawSpan
      _ = try? peer.read(into: &span)
      let thread = try serve(
        Session(filesystem: filesystem, adopting: state, options: options))
      say("serving")
      thread.join()
    } else {
      let listener = try UnixSocket.listen(at: socket)
      let session = Session(
        filesystem: filesystem, device: try Mount.attach(source: image, on: directory),
        options: options)
      let thread = try serve(session)
      for _ in 0..<10_000 where session.state == nil { Linux.Thread.sleep(milliseconds: 1) }
      say("serving")
      let peer = try UnixSocket.accept(on: listener)
      guard let state = session.state else { throw ExitCode(70) }
      try state.send(to: peer)
      if !keep { session.stop() }
      // Its end tells the successor that nobody else serves any more.
      withExtendedLifetime(peer) { thread.join() }
    }
    say("ended")
  }

  private func serve(_ session: Session) throws -> Linux.Thread {
    try Linux.Thread(name: "session") { try? session.run() }
  }

  private func say(_ word: String) {
    FileHandle.standardOutput.write(Data("\(word)\n".utf8))
  }
}

/// A source that takes its time.
private struct SlowSource: BlockSource {
  let source: MemorySource
  let milliseconds: Int

  init(_ source: MemorySource, milliseconds: Int) {
    self.source = source
    self.milliseconds = milliseconds
  }

  var byteCount: UInt64 { source.byteCount }

  func read(into target: inout MutableRawSpan, at offset: UInt64) throws(SourceError) {
    if milliseconds > 0 { Linux.Thread.sleep(milliseconds: milliseconds) }
    try source.read(into: &target, at: offset)
  }
}
