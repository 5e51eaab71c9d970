internal import Bytes
internal import EROFS
internal import TreeSources

/// An inode as it is known before contents are read.
struct PlannedInode: Sendable {
  /// The node of the source tree.
  var node: Int
  var linkCount: UInt32
  /// The position of the parent's inode; of a file with several names, of the first one's.
  var parent: Int
  var isExtended = false
  /// Without the fingerprint.
  var attributes = AttributeArea()
  var hasFingerprint = false
  /// Directories: the nodes in it, sorted by name.
  var children: [(name: FileName, node: Int)] = []
  /// Directories: how the entries are spread over blocks.
  var packing: DirectoryPacking?
  /// Regular files that are not empty: how they are stored.
  var treatment: Treatment?
}

/// The inodes of an image in the order in which they are laid out, and what all have in common.
///
/// Directories come first, so that a path is looked up within few neighbouring blocks; the files
/// of a directory are neighbours.
struct TreePlan: Sendable {
  let tree: SourceTree
  let options: BuildOptions
  /// The image that contents may be taken from.
  let base: BaseImage?
  private(set) var inodes: [PlannedInode] = []
  /// The position of the inode of every node; nil for those that are no part of the tree.
  private var positions: [Int?]
  /// The regular files that are not empty, in the order of their data.
  private(set) var contentOrder: [Int] = []
  /// What all of those hold.
  private(set) var contentByteCount: UInt64 = 0
  /// The time of compact inodes.
  private(set) var epoch = Timestamp(seconds: 0, nanoseconds: 0)
  private(set) var sharedAttributes = SharedAttributes()

  init(_ tree: SourceTree, _ options: BuildOptions, base: BaseImage?) throws(BuildError) {
    self.tree = tree
    self.base = base
    self.options = options
    positions = Array(repeating: nil, count: tree.nodes.count)
    var ranks: [[UInt8]: Int] = [:]
    for (rank, path) in options.order.enumerated() where ranks[path] == nil { ranks[path] = rank }
    var ranked: [(rank: Int, position: Int)] = []
    collect(ranks) { ranked.append(($0, $1)) }
    epoch = commonTime()
    sharedAttributes = SharedAttributes(of: inodes.map { tree.nodes[$0.node].attributes })
    for position in inodes.indices { try complete(position) }
    let first = ranked.sorted { $0.rank < $1.rank }.map(\.position)
    let placed = Set(first)
    contentOrder =
      first.filter { inodes[$0].treatment != nil }
      + inodes.indices.filter { inodes[$0].treatment != nil && !placed.contains($0) }
  }

  func node(at position: Int) -> SourceNode { tree.nodes[inodes[position].node] }

  func byteCount(ofFileAt position: Int) -> UInt64 {
    if case .regular(let content) = node(at: position).content { content.byteCount } else { 0 }
  }

  func time(of node: SourceNode) -> Timestamp { options.time ?? node.modificationTime }

  /// What inode and attributes take.
  func headByteCount(at position: Int) -> Int {
    let inode = inodes[position]
    return (inode.isExtended ? Inode.extendedByteCount : Inode.compactByteCount)
      + attributes(at: position, digest: nil).byteCount
  }

  /// The attributes of an inode, with the fingerprint of its content where it has one.
  func attributes(at position: Int, digest: Digest?) -> AttributeArea {
    var area = inodes[position].attributes
    guard inodes[position].hasFingerprint, let name = options.fingerprintName else { return area }
    let fingerprint = Fingerprint(name: name)
    area.own.append(fingerprint.attribute(digest))
    area.presentNames |= fingerprint.filterBit
    return area
  }

  /// The names in a directory, dots included, with the positions of their inodes.
  func entries(ofDirectoryAt position: Int) -> [(name: FileName, position: Int)] {
    var entries = inodes[position].children.compactMap { name, node in
      positions[node].map { (name: name, position: $0) }
    }
    // Few names sort before the dots.
    for dots in [(FileName("."), position), (FileName(".."), inodes[position].parent)] {
      entries.insert(dots, at: entries.firstIndex { dots.0 < $0.name } ?? entries.endIndex)
    }
    return entries
  }
}

extension TreePlan {
  /// Numbers the inodes, counts links, and tells `note` the rank and position of ordered files.
  private mutating func collect(
    _ ranks: [[UInt8]: Int], _ note: (_ rank: Int, _ position: Int) -> Void
  ) {
    let needsPaths = !ranks.isEmpty || !options.hints.isEmpty
    var paths: [[UInt8]] = []
    var pending: [(node: Int, parent: Int, path: [UInt8])] = [(0, 0, [])]
    while let (node, parent, path) = pending.popLast() {
      let position = inodes.count
      positions[node] = position
      paths.append(path)
      let children = tree.nodes[node].children.sorted { $0.key < $1.key }
      var inode = PlannedInode(node: node, linkCount: 2, parent: parent)
      inode.children = children.map { ($0.key, $0.value) }
      inodes.append(inode)
      if position > 0 { inodes[parent].linkCount += 1 }
      // Reversed, since what is put on the stack first is taken last.
      for (name, child) in children.reversed() where tree.nodes[child].isDirectory {
        pending.append((child, position, needsPaths ? Self.join(path, name) : []))
      }
    }
    for (parent, directory) in paths.enumerated() {
      for (name, child) in inodes[parent].children where !tree.nodes[child].isDirectory {
        let path = needsPaths ? Self.join(directory, name) : []
        if let known = positions[child] {
          inodes[known].linkCount += 1
        } else {
          positions[child] = inodes.count
          var inode = PlannedInode(node: child, linkCount: 1, parent: parent)
          inode.treatment = treatment(of: tree.nodes[child], path)
          inodes.append(inode)
        }
        if let rank = ranks[path], let position = positions[child] { note(rank, position) }
      }
    }
  }

  private static func join(_ directory: [UInt8], _ name: FileName) -> [UInt8] {
    directory.isEmpty ? name.bytes : directory + [UInt8(ascii: "/")] + name.bytes
  }

  private func treatment(of node: SourceNode, _ path: [UInt8]) -> Treatment? {
    guard case .regular(let content) = node.content, content.byteCount > 0 else { return nil }
    let isSmall = content.byteCount <= UInt64(options.blockByteCount)
    if options.chunkByteCount != nil { return isSmall ? .plain : .chunked }
    let settings = options.hints.first { $0.matches(path) }?.settings ?? options.compression
    // Nothing can be saved of a single block, except beside the inode.
    return settings.effort == nil || isSmall && !options.packsTails ? .plain : .compressed(settings)
  }

  /// The time that most files have, the earliest of several: theirs are compact inodes.
  private func commonTime() -> Timestamp {
    if let time = options.time { return time }
    var counts: [Timestamp: Int] = [:]
    for inode in inodes { counts[tree.nodes[inode.node].modificationTime, default: 0] += 1 }
    let most = counts.values.max()
    return counts.filter { $0.value == most }.keys.min {
      ($0.seconds, $0.nanoseconds) < ($1.seconds, $1.nanoseconds)
    } ?? Timestamp(seconds: 0, nanoseconds: 0)
  }

  /// Fills in what depends on all inodes.
  private mutating func complete(_ position: Int) throws(BuildError) {
    let node = node(at: position)
    inodes[position].attributes = try sharedAttributes.area(of: node.attributes)
    inodes[position].hasFingerprint =
      options.fingerprintName != nil && inodes[position].treatment != nil
    guard attributes(at: position, digest: nil).byteCount <= AttributeArea.byteCountLimit else {
      throw .limit("the extended attributes of one file take more than 256 KiB")
    }
    var byteCount: UInt64 = 0
    switch node.content {
    case .directory:
      let names = entries(ofDirectoryAt: position).map(\.name.bytes.count)
      guard names.allSatisfy({ (1...DirectoryBlock.nameByteCountLimit).contains($0) }) else {
        throw .limit("a name of more than 255 bytes, or of none")
      }
      let packing = DirectoryPacking(
        nameByteCounts: names, blockByteCount: options.blockByteCount)
      inodes[position].packing = packing
      byteCount = packing.byteCount
    case .regular(let content):
      byteCount = content.byteCount
      // Archives may claim any size; what is in range here can be added up without care.
      guard byteCount >> UInt64(options.blockSizeBits) <= UInt64(UInt32.max),
        contentByteCount <= 1 << 62
      else {
        throw .limit("a file of \(byteCount) bytes is more than an image has room for")
      }
      contentByteCount += byteCount
    case .symbolicLink(let target): byteCount = UInt64(target.count)
    case .device, .nothing: break
    }
    inodes[position].isExtended = !InodeFields.fitsCompact(
      userID: options.userID ?? node.userID, groupID: options.groupID ?? node.groupID,
      linkCount: inodes[position].linkCount, byteCount: byteCount,
      modificationTime: time(of: node), epoch: epoch)
  }
}
