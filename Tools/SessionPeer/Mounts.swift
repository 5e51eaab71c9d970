internal import EROFSReader
internal import FUSEServer
internal import ImageMount
internal import Linux
internal import PageTier

/// The mounts of one process, and what their files are read from.
final class Mounts {
  private struct Failure: Error {}

  private let images: [Image]
  private let content: ContentMount?
  private let shared: SharedContent?
  /// Those of ``images``, if they share.
  private let paged: [PagedImage]
  /// Those of ``images``, if the kernel's EROFS reads them.
  private var large: [LargeFiles] = []
  private var filesystems: [ImageFilesystem] = []
  private var sessions: [Session] = []
  private var threads: [Thread] = []

  /// Mounts of `images` that share what is on `content`, if that is given.
  init(of images: [Image], on content: ContentMount?) throws {
    self.images = images
    self.content = content
    shared = content.map { SharedContent(on: $0) }
    guard let shared else {
      paged = []
      return
    }
    let work = try WorkQueue(name: "indexer")
    guard let tier = PageTier(TierOptions(byteCountMax: 64 << 20)),
      let domain = SharingDomain(tier: tier, admission: .whenWanted, work: work)
    else { throw Failure() }
    paged = images.compactMap { PagedImage($0, in: domain, content: shared) }
  }

  /// Mounts and serves all.
  func attach(to directories: [String], large: Bool, _ options: ServingOptions) throws {
    if large { self.large = try images.map { try LargeFiles(of: $0, paged: nil) { print($0) } } }
    makeFilesystems()
    for (filesystem, directory) in zip(filesystems, directories) {
      try serve(
        Session(
          filesystem: filesystem, device: try Mount.attach(source: "peer", on: directory),
          options: options))
    }
    for _ in 0..<10_000 where sessions.contains(where: { $0.state == nil }) {
      Thread.sleep(milliseconds: 1)
    }
  }

  /// Goes on with the tables of another process, and serves the large files behind `states`.
  func receiveTables(
    from peer: borrowing FileDescriptor, large states: [HiddenMountState]
  ) throws {
    try shared?.adopt(try ContentTable(receivingFrom: peer), images: paged)
    for (image, state) in zip(images, states) {
      large.append(
        try LargeFiles(
          of: image, paged: nil, adopting: state, try LargeFilesTable(receivingFrom: peer)
        ) { print($0) })
    }
    makeFilesystems()
    for filesystem in filesystems {
      try filesystem.adopt(try BackedFilesTable(receivingFrom: peer))
    }
  }

  /// Serves what another process served.
  func resume(_ states: [SessionState], _ options: ServingOptions) throws {
    if filesystems.isEmpty { makeFilesystems() }
    try content?.start()
    for (filesystem, state) in zip(filesystems, states) {
      try serve(Session(filesystem: filesystem, adopting: state, options: options))
    }
  }

  func sendStates(to peer: borrowing FileDescriptor) throws {
    for session in sessions {
      guard let state = session.state else { throw Failure() }
      try state.send(to: peer)
    }
    if let content {
      guard let state = content.state else { throw Failure() }
      try state.send(to: peer)
    }
    for files in large {
      guard let state = files.state else { throw Failure() }
      try state.send(to: peer)
    }
  }

  func stop() {
    for session in sessions { session.stop() }
  }

  /// Returns when no mount is served any more, nor what their files are read from.
  func awaitEnd() {
    for thread in threads { thread.join() }
    content?.close()
    for files in large { files.close() }
  }

  /// To be done at the end.
  func sendTables(to peer: borrowing FileDescriptor) throws {
    try shared?.table(of: paged).send(to: peer)
    for files in large { try files.table.send(to: peer) }
    for filesystem in filesystems { try filesystem.backedFiles?.send(to: peer) }
  }

  private func makeFilesystems() {
    filesystems = images.enumerated().map { index, image in
      ImageFilesystem(
        image: image, paged: paged.isEmpty ? nil : paged[index],
        largeFiles: large.isEmpty ? nil : large[index]
      ) { print($0) }
    }
  }

  private func serve(_ session: Session) throws {
    sessions.append(session)
    threads.append(try Thread(name: "session") { try? session.run() })
  }
}
