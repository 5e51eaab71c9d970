internal import Bytes
internal import EROFS
internal import EROFSReader
internal import Linux

/// An EROFS image that comes into being as it is read: files without layout or compression, which stand
/// for files of another image.
///
/// All of its metadata is made here, so the kernel's driver may read it whatever the other image is
/// like. The root has ``fileCountMax`` names from the start; a file is there once it was added, and its
/// inode must not be looked up before. Blocks have 4 KiB:
///
/// | Blocks             | What they hold                                               |
/// |--------------------|--------------------------------------------------------------|
/// | 0                  | the superblock                                               |
/// | 1                  | the inode of the root                                        |
/// | from 2             | the root's entries                                           |
/// | 64 + 16 n          | the inode of file n, alone in 64 KiB: the kernel keeps pages |
/// | from 131072        | the content of the files, one after the other                |
///
/// Thread-safe.
final class PlainImage: BlockSource {
  /// Fills all of a span with the content of an inode from an offset on, within the file.
  typealias Content = @Sendable (Inode, UInt64, inout MutableRawSpan) throws(ReadError) -> Void

  static let fileCountMax = 4096
  private static let blockSizeBits: UInt8 = 12
  private static let blockByteCount: UInt64 = 4096
  private static let rootBlock: UInt64 = 1
  private static let directoryBlock: UInt64 = 2
  private static let inodeBlock: UInt64 = 64
  private static let blocksPerInode: UInt64 = 16
  private static let contentBlock: UInt64 = 131072
  /// Nids count in units of 32 bytes.
  private static let nidsPerBlock: UInt64 = 128

  private struct File {
    let inode: Inode
    let firstBlock: UInt64

    var endBlock: UInt64 {
      firstBlock + inode.byteCount.dividedRoundingUp(by: PlainImage.blockByteCount)
    }
  }

  private struct Files {
    /// In the order of their blocks.
    var all: [File] = []
    var numbers: [UInt64: Int] = [:]
  }

  private let files = Lock(Files())
  private let content: Content

  /// An image without files, whose bytes `content` has.
  init(content: @escaping Content) {
    self.content = content
  }

  /// The same in all images.
  private static let directory: [UInt8] = {
    let dots = [".", ".."].map { name in
      DirectoryEntry(nid: rootBlock * nidsPerBlock, name: FileName(name), typeHint: .directory)
    }
    let files = (0..<fileCountMax).map { number in
      DirectoryEntry(
        nid: nid(of: number), name: FileName(name(of: number)), typeHint: .regular)
    }
    let entries = dots + files
    let packing = DirectoryPacking(
      nameByteCounts: entries.map(\.name.bytes.count), blockByteCount: Int(blockByteCount))
    precondition(
      directoryBlock * blockByteCount + packing.byteCount <= inodeBlock * blockByteCount,
      "the root's entries end before the inodes")
    return packing.encode(entries)
  }()

  private static let superblock: [UInt8] = {
    let fields = SuperblockFields(
      blockSizeBits: blockSizeBits, compatibleFeatures: [], incompatibleFeatures: [],
      rootNID: rootBlock * nidsPerBlock, inodeCount: UInt64(fileCountMax + 1),
      epoch: Timestamp(seconds: 0, nanoseconds: 0), blockCount: .max,
      uuid: [UInt8](repeating: 0, count: 16))
    var block = [UInt8](repeating: 0, count: Int(blockByteCount))
    var span = block.mutableRawSpan
    fields.encode(into: &span)
    return block
  }()

  /// As far as 32 bits of blocks reach.
  var byteCount: UInt64 { UInt64(UInt32.max) * Self.blockByteCount }

  /// The number of the file that stands for `inode`, which is added if it is not there; nil when there
  /// are too many, or too large ones.
  func number(of inode: Inode) -> Int? {
    files.withLock { files in
      if let known = files.numbers[inode.nid], files.all[known].inode.byteCount == inode.byteCount {
        return known
      }
      let file = File(inode: inode, firstBlock: files.all.last?.endBlock ?? Self.contentBlock)
      guard files.all.count < Self.fileCountMax, inode.byteCount <= byteCount,
        file.endBlock < UInt64(UInt32.max)
      else { return nil }
      files.numbers[inode.nid] = files.all.count
      files.all.append(file)
      return files.all.count - 1
    }
  }

  /// The files, in the order of their numbers.
  var table: LargeFilesTable {
    LargeFilesTable(
      files: files.withLock { $0.all }.map { file in
        LargeFilesTable.File(nid: file.inode.nid, byteCount: file.inode.byteCount)
      })
  }

  /// How many files were added.
  var fileCount: Int { files.withLock { $0.all.count } }

  /// The name of file `number` in the root.
  static func name(of number: Int) -> String {
    // All of one length, so that their order is that of the numbers.
    String(String(0x1000 + number, radix: 16).dropFirst())
  }

  private static func nid(of number: Int) -> UInt64 {
    (inodeBlock + UInt64(number) * blocksPerInode) * nidsPerBlock
  }

  func read(into target: inout MutableRawSpan, at offset: UInt64) throws(SourceError) {
    var done = 0
    while done < target.byteCount {
      let position = offset + UInt64(done)
      var rest = target[bytes: done..<target.byteCount]
      done += try readPart(at: position, into: &rest)
    }
  }

  /// Fills the front of `target` with what the block at `position` begins; returns how much that is.
  private func readPart(
    at position: UInt64, into target: inout MutableRawSpan
  ) throws(SourceError) -> Int {
    let block = position / Self.blockByteCount
    let skipped = Int(position % Self.blockByteCount)
    if block >= Self.contentBlock { return try readContent(at: position, into: &target) }
    let bytes: ArraySlice<UInt8>
    switch block {
    case 0: bytes = Self.superblock[...]
    case Self.rootBlock: bytes = root[...]
    case Self.directoryBlock..<Self.inodeBlock:
      let start = Int(block - Self.directoryBlock) * Int(Self.blockByteCount)
      bytes = Self.directory.dropFirst(start).prefix(Int(Self.blockByteCount))
    default:
      let (number, place) = (block - Self.inodeBlock).quotientAndRemainder(
        dividingBy: Self.blocksPerInode)
      bytes = place == 0 ? inode(Int(number))[...] : []
    }
    let count = min(Int(Self.blockByteCount) - skipped, target.byteCount)
    target.zero(0..<count)
    target.copy(Array(bytes.dropFirst(skipped).prefix(count)).rawSpan)
    return count
  }

  private func readContent(
    at position: UInt64, into target: inout MutableRawSpan
  ) throws(SourceError) -> Int {
    let block = position / Self.blockByteCount
    let file = files.withLock { files -> File? in
      // The last that begins there or before.
      var (low, high) = (0, files.all.count)
      while low < high {
        let middle = (low + high) / 2
        if files.all[middle].firstBlock > block { high = middle } else { low = middle + 1 }
      }
      return low > 0 && block < files.all[low - 1].endBlock ? files.all[low - 1] : nil
    }
    guard let file else {
      target.zero(0..<target.byteCount)
      return target.byteCount
    }
    let start = position - file.firstBlock * Self.blockByteCount
    let end = (file.endBlock - file.firstBlock) * Self.blockByteCount
    let count = Int(min(UInt64(target.byteCount), end - start))
    let validCount = Int(
      min(UInt64(count), file.inode.byteCount - min(start, file.inode.byteCount)))
    var wanted = target[bytes: 0..<validCount]
    do throws(ReadError) {
      if validCount > 0 { try content(file.inode, start, &wanted) }
    } catch {
      if case .source(let error) = error { throw error }
      throw SourceError(.ioError, "\(error)")
    }
    target.zero(validCount..<count)
    return count
  }

  private var root: [UInt8] {
    encoded(
      mode: 0o040500, linkCount: 2, byteCount: UInt64(Self.directory.count),
      block: Self.directoryBlock)
  }

  /// Nothing for a file that was not added.
  private func inode(_ number: Int) -> [UInt8] {
    guard let file = files.withLock({ number < $0.all.count ? $0.all[number] : nil }) else {
      return []
    }
    return encoded(
      mode: 0o100400, linkCount: 1, byteCount: file.inode.byteCount, block: file.firstBlock)
  }

  private func encoded(
    mode: UInt16, linkCount: UInt32, byteCount: UInt64, block: UInt64
  ) -> [UInt8] {
    var fields = InodeFields(
      isExtended: true, dataLayout: .plain, mode: mode, userID: 0, groupID: 0,
      linkCount: linkCount, byteCount: byteCount,
      modificationTime: Timestamp(seconds: 0, nanoseconds: 0), serialNumber: 1,
      attributeByteCount: 0)
    fields.union = UInt32(block)
    var writer = ByteWriter()
    fields.encode(into: &writer)
    return writer.bytes
  }
}
