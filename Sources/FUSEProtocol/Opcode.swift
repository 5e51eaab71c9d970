/// What a request asks for: the number in its header.
///
/// Numbers are those of the kernel's `enum fuse_opcode`; all that protocol 7.45 has are named, so
/// that a log line or a refusal can say what was asked.
package enum Opcode: UInt32, CaseIterable, Sendable {
  case lookUp = 1
  case forget = 2
  case getAttributes = 3
  case setAttributes = 4
  case readLink = 5
  case makeLink = 6
  case makeNode = 8
  case makeDirectory = 9
  case unlink = 10
  case removeDirectory = 11
  case rename = 12
  case link = 13
  case open = 14
  case read = 15
  case write = 16
  case statistics = 17
  case release = 18
  case sync = 20
  case setExtendedAttribute = 21
  case getExtendedAttribute = 22
  case listExtendedAttributes = 23
  case removeExtendedAttribute = 24
  case flush = 25
  case initialize = 26
  case openDirectory = 27
  case readDirectory = 28
  case releaseDirectory = 29
  case syncDirectory = 30
  case getLock = 31
  case setLock = 32
  case setLockWaiting = 33
  case access = 34
  case create = 35
  case interrupt = 36
  case mapBlock = 37
  case destroy = 38
  case control = 39
  case poll = 40
  case notifyReply = 41
  case batchForget = 42
  case allocate = 43
  case readDirectoryPlus = 44
  case renameWithFlags = 45
  case seek = 46
  case copyRange = 47
  case setUpMapping = 48
  case removeMapping = 49
  case syncFilesystem = 50
  case makeTemporaryFile = 51
  case extendedStatus = 52
  case copyRange64 = 53

  /// Whether carrying the request out would change the filesystem: a read-only one answers EROFS.
  package var modifies: Bool {
    switch self {
    case .setAttributes, .makeLink, .makeNode, .makeDirectory, .unlink, .removeDirectory, .rename,
      .renameWithFlags, .link, .write, .setExtendedAttribute, .removeExtendedAttribute, .create,
      .allocate, .copyRange, .copyRange64, .makeTemporaryFile:
      true
    default:
      false
    }
  }

  /// Whether the kernel waits for an answer; writing one to the others is an error.
  package var expectsReply: Bool {
    switch self {
    case .forget, .batchForget, .interrupt, .notifyReply: false
    default: true
    }
  }
}
