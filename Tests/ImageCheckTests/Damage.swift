import Bytes
import EROFS
import EROFSReader
import Foundation
import ImageCheck
import TestSupport
import Testing

/// A reference image in memory, to be damaged in one place.
struct Damage {
  var bytes: [UInt8]
  private let devices: [any BlockSource]
  /// The image as it was.
  let image: Image

  /// Without a checksum of the superblock's block, which may hold what is damaged, unless that is
  /// kept.
  init(to name: String, keepsChecksum: Bool = false) throws {
    bytes = try SharedData.bytes(of: "\(name).erofs")
    if !keepsChecksum { bytes[1032] &= ~1 }
    devices = try SharedData.deviceFiles(of: name).map { file in
      MemorySource(try SharedData.bytes(of: file))
    }
    image = try Image(source: MemorySource(bytes), devices: devices)
  }

  mutating func set<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    var span = bytes.mutableRawSpan
    span.store(value, atByteOffset: offset)
  }

  func get<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type) -> T {
    bytes.rawSpan.load(fromByteOffset: offset, as: T.self)
  }

  /// Sets a field of the superblock.
  mutating func setSuperblock<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    set(value, at: 1024 + offset)
  }

  /// The first file that `isWanted`, in order of paths.
  func first(_ isWanted: (Inode) throws -> Bool) throws -> Inode {
    var walk = TreeWalk(image)
    while let entry = try walk.next() {
      if try isWanted(entry.inode) { return entry.inode }
    }
    throw CocoaError(.fileNoSuchFile)
  }

  /// Where `inode` is in the image.
  func offset(of inode: Inode) -> Int { Int(inode.address.offset) }

  /// Where the header of a compressed file's map is.
  func mapOffset(of inode: Inode) throws -> Int {
    Int(try inode.trailerAddress().aligned(to: 8).offset)
  }

  /// Where the first block of `directory` is.
  func blockOffset(of directory: Inode) throws -> Int {
    Int(try image.extent(of: directory, at: 0).storedOffset)
  }

  /// The offset of the first entry of `directory` that `isWanted`, in the image.
  func entryOffset(
    in directory: Inode, _ isWanted: (DirectoryEntry) -> Bool
  ) throws -> Int {
    var index = 0
    var found: Int?
    try image.readDirectory(directory, from: 0) { entry, _ in
      if isWanted(entry) { found = index }
      index += 1
      return found == nil
    }
    guard let found else { throw CocoaError(.fileNoSuchFile) }
    return try blockOffset(of: directory) + found * DirectoryBlock.entryByteCount
  }

  /// What the check finds in the image as it is now.
  func faults(digests: Bool = false) throws -> [Fault] {
    var faults: [Fault] = []
    do throws(ReadError) {
      let image = try Image(source: MemorySource(bytes), devices: devices)
      let checker = ImageChecker(image, verifiesFingerprints: digests) { faults.append($0) }
      do throws(SourceError) { _ = try checker.run() } catch { throw .source(error) }
    } catch {
      faults.append(try ImageChecker.fault(of: error))
    }
    return faults
  }
}

/// Expects a fault of `kind`; and, when `offset` is given, one that is there.
func expect(
  _ kind: Fault.Kind, at offset: Int? = nil, in damage: Damage, digests: Bool = false,
  _ location: SourceLocation = #_sourceLocation
) throws {
  let faults = try damage.faults(digests: digests)
  #expect(
    faults.contains {
      $0.kind == kind && (offset == nil || $0.address.offset == UInt64(offset ?? 0))
    }, "\(faults.prefix(5).map(\.description))", sourceLocation: location)
}
