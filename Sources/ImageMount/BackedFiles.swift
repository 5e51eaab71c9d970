internal import EROFS
internal import EROFSReader
internal import FUSEProtocol
internal import FUSEServer
internal import Linux
internal import Synchronization

/// The files of one image mount that the kernel reads elsewhere, as `Backing` says.
///
/// While a file is open it stays as it was opened first, for the kernel refuses two ways at once. The
/// registration of a file that nobody has open is kept for the next, up to ``idleCountMax`` of them.
/// Whatever goes wrong, the file is opened as though there were no backing. Thread-safe.
final class BackedFiles<Backing: FileBacking>: FileOpener {
  /// Registrations of files that nobody has open: some kilobytes of the kernel's memory each.
  private static var idleCountMax: Int { 4096 }
  /// Files that are remembered; others are opened as though there were no backing.
  private static var fileCountMax: Int { 1 << 17 }

  private struct Entry {
    /// What stands for the file; nil before that is known.
    var node: Backing.Node?
    /// The node's registration with this mount; 0 for none.
    var backingID: Int32 = 0
    var openCount: UInt32 = 0
    /// When it was closed last, in closings.
    var stamp: UInt32 = 0
    /// While one thread finds out how it is opened.
    var isOpening = false

    var reply: OpenReply {
      backingID == 0
        ? .cached(handle: backedFileHandle)
        : OpenReply(
          flags: [.passthrough, .noFlush], handle: backedFileHandle, backingID: backingID)
    }
  }

  private struct State {
    var entries: [UInt64: Entry] = [:]
    /// Files with a registration and no reader, oldest first, and others whose stamp is another now.
    var idle: [(nid: UInt64, stamp: UInt32)] = []
    var idleCount = 0
    /// Never 0.
    var closingCount: UInt32 = 0
    /// Nodes that files had before: a mapping outlives its file's last descriptor, and may need them.
    var former: [Backing.Node] = []

    /// Takes note that nobody has the registered file `nid` open.
    mutating func becameIdle(_ nid: UInt64) {
      closingCount = closingCount == .max ? 1 : closingCount + 1
      entries[nid]?.stamp = closingCount
      idle.append((nid, closingCount))
      idleCount += 1
    }
  }

  private enum Turn {
    case joined(OpenReply)
    case mine(Entry)
    case refused
  }

  private let state = Lock(State())
  private let connection = Lock<Connection?>(nil)
  private let backing: Backing
  /// Whether the kernel will not read files of the backing in place of others.
  private let isRefused = Atomic(false)

  init(by backing: Backing) {
    self.backing = backing
  }

  deinit {
    let nodes = state.withLock { $0.entries.values.compactMap(\.node) + $0.former }
    for node in nodes { backing.leave(node) }
  }

  /// Hears of the mount's connection.
  func connected(_ connection: Connection) {
    self.connection.withLock { $0 = connection }
  }

  /// What the kernel keeps of the files' contents, in bytes, that of several images divided among
  /// them; nil when the backing has ended.
  ///
  /// Asks for each file that was opened once.
  var cachedByteCount: Int? {
    guard !backing.isOver else { return nil }
    // Equal files of one image may have one node.
    let nodes = state.withLock { state in
      (state.entries.values.compactMap(\.node) + state.former).reduce(
        into: [ObjectIdentifier: Backing.Node]()
      ) { nodes, node in nodes[ObjectIdentifier(node)] = node }
    }
    return nodes.values.reduce(0) { total, node in total + backing.cachedByteCount(of: node) }
  }

  /// What a successor has to know, once the session has ended.
  var table: BackedFilesTable {
    state.withLock { state in
      let entries = state.entries.sorted { ($0.value.stamp, $0.key) < ($1.value.stamp, $1.key) }
      return BackedFilesTable(
        files: entries.map { nid, entry in
          BackedFilesTable.File(
            nid: nid, nodeNumber: entry.node.map { backing.number(of: $0) } ?? 0,
            backingID: entry.backingID, openCount: entry.openCount)
        }, formerNodeNumbers: state.former.map { backing.number(of: $0) })
    }
  }

  /// Goes on with the files of another process that served the same image by an equal backing.
  ///
  /// Before the session.
  func adopt(_ table: BackedFilesTable) throws(HandoverError) {
    var adopted = State()
    for file in table.files {
      adopted.entries[file.nid] = Entry(
        node: file.nodeNumber == 0 ? nil : try node(numbered: file.nodeNumber),
        backingID: file.backingID, openCount: file.openCount)
      if file.openCount == 0, file.backingID != 0 { adopted.becameIdle(file.nid) }
    }
    for number in table.formerNodeNumbers { adopted.former.append(try node(numbered: number)) }
    state.withLock { $0 = adopted }
  }

  private func node(numbered number: UInt64) throws(HandoverError) -> Backing.Node {
    guard let node = backing.node(numbered: number) else {
      throw HandoverError(.unknownNode, number: number)
    }
    return node
  }

  /// How `inode` is to be read; nil when it is as well read through its own mount.
  ///
  /// Waits for the backing.
  func open(_ inode: Inode) throws(ReadError) -> OpenReply? {
    guard inode.fileType == .regular, inode.byteCount > 0, backing.mayBack(inode),
      !isRefused.load(ordering: .relaxed)
    else { return nil }
    switch turn(inode.nid) {
    case .refused: return nil
    case .joined(let reply): return reply
    case .mine(var entry):
      do throws(ReadError) {
        try place(inode, &entry)
      } catch {
        settle(entry, inode.nid, openCount: 0)
        throw error
      }
      settle(entry, inode.nid, openCount: 1)
      return entry.reply
    }
  }

  /// Notes that a file that ``open(_:)`` had opened was closed.
  func release(_ nid: UInt64) {
    let dropped = state.withLock { state -> [Int32] in
      guard let openCount = state.entries[nid]?.openCount, openCount > 0 else { return [] }
      state.entries[nid]?.openCount = openCount - 1
      guard openCount == 1, state.entries[nid]?.backingID != 0 else { return [] }
      state.becameIdle(nid)
      return Self.dropIdle(&state)
    }
    for id in dropped { connection.withLock { $0 }?.unregister(id) }
  }

  /// One more reader of the file, or the leave to open it.
  private func turn(_ nid: UInt64) -> Turn {
    state.wait { state -> Turn? in
      guard var entry = state.entries[nid] else {
        guard state.entries.count < Self.fileCountMax else { return .refused }
        state.entries[nid] = Entry(isOpening: true)
        return .mine(Entry())
      }
      guard !entry.isOpening else { return nil }
      if entry.openCount > 0 {
        state.entries[nid]?.openCount += 1
        return .joined(entry.reply)
      }
      if entry.backingID != 0 { state.idleCount -= 1 }
      entry.stamp = 0
      entry.isOpening = true
      state.entries[nid] = entry
      return .mine(entry)
    } ?? .refused
  }

  private func settle(_ entry: Entry, _ nid: UInt64, openCount: UInt32) {
    state.withLock { state in
      var entry = entry
      entry.isOpening = false
      entry.openCount = openCount
      state.entries[nid] = entry
      if openCount == 0, entry.backingID != 0 { state.becameIdle(nid) }
    }
    state.signalAll()
  }

  /// Makes `entry` say how `inode` is read from now on.
  private func place(_ inode: Inode, _ entry: inout Entry) throws(ReadError) {
    let connection = connection.withLock { $0 }
    guard !backing.isOver else {
      if entry.backingID != 0 { connection?.unregister(entry.backingID) }
      entry.backingID = 0
      return
    }
    guard let node = try backing.node(for: inode, insteadOf: entry.node) else { return }
    if let former = entry.node, former !== node {
      if entry.backingID != 0 { connection?.unregister(entry.backingID) }
      entry.backingID = 0
      state.withLock { $0.former.append(former) }
    }
    entry.node = node
    guard entry.backingID == 0, let connection else { return }
    // Without descriptors or memory to spare the mount reads the file itself.
    guard let descriptor = try? backing.open(node) else { return }
    do throws(Errno) {
      entry.backingID = try connection.register(descriptor)
    } catch {
      // It takes files of no such filesystem, and trying again would only cost each open its time.
      if error == .tooManyLinks || error == .notSupported {
        isRefused.store(true, ordering: .relaxed)
      }
    }
  }

  /// The registrations that have to go; of those that stay as many as may.
  private static func dropIdle(_ state: inout State) -> [Int32] {
    var dropped: [Int32] = []
    if state.idle.count > 4 * idleCountMax {
      state.idle.removeAll { state.entries[$0.nid]?.stamp != $0.stamp }
    }
    while state.idleCount > idleCountMax, let (nid, stamp) = state.idle.first {
      state.idle.removeFirst()
      guard let entry = state.entries[nid], entry.stamp == stamp else { continue }
      dropped.append(entry.backingID)
      state.entries[nid]?.backingID = 0
      state.entries[nid]?.stamp = 0
      state.idleCount -= 1
    }
    return dropped
  }
}

/// What the kernel repeats when a file is closed that ``BackedFiles`` have opened; never of others.
let backedFileHandle: UInt64 = 1
