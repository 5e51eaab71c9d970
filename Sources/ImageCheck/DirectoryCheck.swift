internal import Bytes
internal import EROFS
internal import EROFSReader

/// One directory while it is checked.
private struct DirectoryState {
  let inode: Inode
  let position: Int
  var previousName: FileName?
  var hasItself = false
  var hasParent = false
  var faultCount = 0
  /// Positions in the tree of the directories that are first met here.
  var subdirectories: [Int] = []
}

/// The blocks of directories and the entries in them.
extension ImageChecker {
  /// Checks the directory at `position` of the tree and all its entries that are no directories;
  /// returns the positions of those that are.
  func checkDirectory(at position: Int) throws(SourceError) -> [Int] {
    let nid = tree.nodes[position].nid
    guard let inode = try? image.inode(nid), inode.fileType == .directory else { return [] }
    summary.directories += 1
    var state = DirectoryState(inode: inode, position: position)
    let blockByteCount = UInt64(image.superblock.blockByteCount)
    var start: UInt64 = 0
    while start < inode.byteCount, state.faultCount < Self.faultLimitPerFile, canGoOn() {
      try checkBlock(at: start, &state)
      start += blockByteCount
    }
    let path = tree.path(of: nil, in: position)
    if state.faultCount >= Self.faultLimitPerFile {
      fault(
        .directory, at: inode.address, nid: nid, path: path,
        "so many faults that the rest was not checked")
    } else {
      if !state.hasItself, !inode.omitsDot {
        fault(.directory, at: inode.address, nid: nid, path: path, "no entry \".\"")
      }
      if !state.hasParent {
        fault(.directory, at: inode.address, nid: nid, path: path, "no entry \"..\"")
      }
    }
    return state.subdirectories
  }

  /// Checks the block that starts at `start` of a directory, and what its entries lead to.
  private func checkBlock(at start: UInt64, _ state: inout DirectoryState) throws(SourceError) {
    let inode = state.inode
    let path = tree.path(of: nil, in: state.position)
    let byteCount = Int(
      min(UInt64(image.superblock.blockByteCount), inode.byteCount - start))
    let extent = try attempt(.directory, at: inode.address, nid: inode.nid, path: path) {
      () throws(ReadError) in try image.extent(of: inode, at: start)
    }
    let address = extent.flatMap { Self.address(of: start, in: $0) } ?? inode.address
    var bytes = [UInt8](repeating: 0, count: byteCount)
    let isRead = try attempt(.directory, at: address, nid: inode.nid, path: path) {
      () throws(ReadError) in
      var span = bytes.mutableRawSpan
      return try image.read(inode, at: start, into: &span)
    }
    guard extent != nil, isRead != nil else {
      // What follows is most likely as far out of reach, and may be endless.
      state.faultCount = Self.faultLimitPerFile
      return
    }
    let (entries, problems) = Self.entries(in: bytes, of: inode)
    for problem in problems {
      note(problem, at: address, path, &state)
    }
    for (offset, entry) in entries {
      guard state.faultCount < Self.faultLimitPerFile, canGoOn() else { return }
      let place = MetadataAddress(space: address.space, offset: address.offset + UInt64(offset))
      try check(entry, at: address == inode.address ? address : place, &state)
    }
  }

  private func note(
    _ problem: String, at address: MetadataAddress, _ path: FileName, _ state: inout DirectoryState
  ) {
    state.faultCount += 1
    fault(.directory, at: address, nid: state.inode.nid, path: path, problem)
  }

  /// Where byte `offset` of a file is, when it is stored as it is in metadata or the primary
  /// device.
  static func address(of offset: UInt64, in extent: Extent) -> MetadataAddress? {
    let distance = offset - extent.fileOffset
    switch (extent.kind, extent.place) {
    case (.plain, .device(0)):
      return MetadataAddress(space: .image, offset: extent.storedOffset + distance)
    case (.inline, .metadata(let space)):
      return MetadataAddress(space: space, offset: extent.storedOffset + distance)
    default: return nil
    }
  }

  /// The entries of a block with their offsets in it, and what is wrong with the others.
  private static func entries(
    in bytes: [UInt8], of inode: Inode
  ) -> (entries: [(offset: Int, entry: DirectoryEntry)], problems: [String]) {
    var entries: [(offset: Int, entry: DirectoryEntry)] = []
    var problems: [String] = []
    do throws(EROFSError) {
      let block = try DirectoryBlock(decoding: bytes.rawSpan, ofDirectory: inode.nid)
      for index in 0..<block.entryCount {
        do throws(EROFSError) {
          entries.append((index * DirectoryBlock.entryByteCount, try block.entry(at: index)))
        } catch {
          problems.append("entry \(index): \(error)")
        }
      }
    } catch {
      problems.append("\(error)")
    }
    return (entries, problems)
  }

  /// Checks one entry, and the inode that it leads to unless that is a directory.
  private func check(
    _ entry: DirectoryEntry, at address: MetadataAddress, _ state: inout DirectoryState
  ) throws(SourceError) {
    summary.entries += 1
    let path = tree.path(of: entry.name, in: state.position)
    if let previous = state.previousName, !(previous < entry.name) {
      note("name is not above the one before", at: address, path, &state)
    }
    state.previousName = entry.name
    if entry.name == FileName(".") {
      state.hasItself = true
      if entry.nid != state.inode.nid {
        note("\".\" leads to inode \(entry.nid)", at: address, path, &state)
      }
      return
    }
    if entry.name == FileName("..") {
      state.hasParent = true
      let parent = tree.nodes[tree.nodes[state.position].parent].nid
      if entry.nid != parent {
        note("\"..\" leads to inode \(entry.nid) in place of \(parent)", at: address, path, &state)
      }
      return
    }
    guard let type = try checkInode(entry.nid, at: path) else {
      state.faultCount += 1
      return
    }
    if let hint = entry.typeHint, hint != type {
      note("entry and inode disagree about the type", at: address, path, &state)
    }
    guard type == .directory else { return }
    tree.countSubdirectory(of: state.position)
    guard tree.nodes[state.position].depth < TreeWalk.depthLimit else {
      return fault(
        .graph, at: address, nid: entry.nid, path: path,
        "more than \(TreeWalk.depthLimit) levels of directories")
    }
    if let position = tree.add(entry.nid, called: entry.name, in: state.position) {
      state.subdirectories.append(position)
    } else {
      state.faultCount += 1
      fault(
        .graph, at: address, nid: entry.nid, path: path,
        "a directory that was reached before by another way")
    }
  }
}
