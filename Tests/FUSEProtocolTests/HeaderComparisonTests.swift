import CLinux
import FUSEProtocol
import Testing

/// The numbers in this module against the C header, as far as the header goes (protocol 7.38).
@Suite struct HeaderComparisonTests {
  @Test func `messages have the sizes of the C structs`() {
    #expect(RequestHeader.byteCount == MemoryLayout<fuse_in_header>.size)
    #expect(ReplyHeader.byteCount == MemoryLayout<fuse_out_header>.size)
    #expect(InitRequest.byteCount == MemoryLayout<fuse_init_in>.size)
    #expect(InitReply.byteCount == MemoryLayout<fuse_init_out>.size)
    #expect(NodeAttributes.byteCount == MemoryLayout<fuse_attr>.size)
    #expect(NodeEntry.byteCount == MemoryLayout<fuse_entry_out>.size)
    #expect(CacheTimeouts.attributeReplyByteCount == MemoryLayout<fuse_attr_out>.size)
    #expect(ReadRequest.byteCount == MemoryLayout<fuse_read_in>.size)
    #expect(SeekRequest.byteCount == MemoryLayout<fuse_lseek_in>.size)
    #expect(InterruptRequest.byteCount == MemoryLayout<fuse_interrupt_in>.size)
    #expect(ExtendedAttributeRequest.byteCount == MemoryLayout<fuse_getxattr_in>.size)
    #expect(FilesystemStatistics.byteCount == MemoryLayout<fuse_statfs_out>.size)
    #expect(OpenReply.byteCount == MemoryLayout<fuse_open_out>.size)
    #expect(ReleaseRequest.byteCount == MemoryLayout<fuse_release_in>.size)
    #expect(Replies.sizeByteCount == MemoryLayout<fuse_getxattr_out>.size)
    #expect(Replies.seekByteCount == MemoryLayout<fuse_lseek_out>.size)
  }

  @Test func `opcodes have the numbers of the C enumeration`() {
    let expected: [(Opcode, fuse_opcode)] = [
      (.lookUp, FUSE_LOOKUP), (.forget, FUSE_FORGET), (.getAttributes, FUSE_GETATTR),
      (.setAttributes, FUSE_SETATTR), (.readLink, FUSE_READLINK), (.makeLink, FUSE_SYMLINK),
      (.makeNode, FUSE_MKNOD), (.makeDirectory, FUSE_MKDIR), (.unlink, FUSE_UNLINK),
      (.removeDirectory, FUSE_RMDIR), (.rename, FUSE_RENAME), (.link, FUSE_LINK),
      (.open, FUSE_OPEN), (.read, FUSE_READ), (.write, FUSE_WRITE), (.statistics, FUSE_STATFS),
      (.release, FUSE_RELEASE), (.sync, FUSE_FSYNC), (.setExtendedAttribute, FUSE_SETXATTR),
      (.getExtendedAttribute, FUSE_GETXATTR), (.listExtendedAttributes, FUSE_LISTXATTR),
      (.removeExtendedAttribute, FUSE_REMOVEXATTR), (.flush, FUSE_FLUSH),
      (.initialize, FUSE_INIT), (.openDirectory, FUSE_OPENDIR), (.readDirectory, FUSE_READDIR),
      (.releaseDirectory, FUSE_RELEASEDIR), (.syncDirectory, FUSE_FSYNCDIR),
      (.getLock, FUSE_GETLK), (.setLock, FUSE_SETLK), (.setLockWaiting, FUSE_SETLKW),
      (.access, FUSE_ACCESS), (.create, FUSE_CREATE), (.interrupt, FUSE_INTERRUPT),
      (.mapBlock, FUSE_BMAP), (.destroy, FUSE_DESTROY), (.control, FUSE_IOCTL),
      (.poll, FUSE_POLL), (.notifyReply, FUSE_NOTIFY_REPLY), (.batchForget, FUSE_BATCH_FORGET),
      (.allocate, FUSE_FALLOCATE), (.readDirectoryPlus, FUSE_READDIRPLUS),
      (.renameWithFlags, FUSE_RENAME2), (.seek, FUSE_LSEEK), (.copyRange, FUSE_COPY_FILE_RANGE),
      (.setUpMapping, FUSE_SETUPMAPPING), (.removeMapping, FUSE_REMOVEMAPPING),
      (.syncFilesystem, FUSE_SYNCFS), (.makeTemporaryFile, FUSE_TMPFILE),
    ]
    for (opcode, number) in expected { #expect(opcode.rawValue == number.rawValue) }
    let known = Set(expected.map(\.0))
    #expect(Opcode.allCases.filter { !known.contains($0) } == [.extendedStatus, .copyRange64])
  }

  @Test func `flags have the bits of the C macros`() {
    let expected: [(InitFlags, Int32)] = [
      (.asyncRead, FUSE_ASYNC_READ), (.exportSupport, FUSE_EXPORT_SUPPORT),
      (.automaticInvalidation, FUSE_AUTO_INVAL_DATA), (.readDirectoryPlus, FUSE_DO_READDIRPLUS),
      (.readDirectoryPlusAutomatic, FUSE_READDIRPLUS_AUTO), (.asyncDirectIO, FUSE_ASYNC_DIO),
      (.noOpenSupport, FUSE_NO_OPEN_SUPPORT),
      (.parallelDirectoryOperations, FUSE_PARALLEL_DIROPS), (.posixACL, FUSE_POSIX_ACL),
      (.abortError, FUSE_ABORT_ERROR), (.maxPages, FUSE_MAX_PAGES),
      (.cacheSymlinks, FUSE_CACHE_SYMLINKS), (.noOpenDirectorySupport, FUSE_NO_OPENDIR_SUPPORT),
      (.explicitInvalidation, FUSE_EXPLICIT_INVAL_DATA), (.extendedInit, FUSE_INIT_EXT),
    ]
    for (flag, bit) in expected { #expect(flag.rawValue == UInt64(UInt32(bitPattern: bit))) }
    #expect(InitFlags.expireOnly.rawValue == FUSE_HAS_EXPIRE_ONLY)
    #expect(OpenFlags.directIO.rawValue == UInt32(FOPEN_DIRECT_IO))
    #expect(OpenFlags.keepCache.rawValue == UInt32(FOPEN_KEEP_CACHE))
    #expect(OpenFlags.cacheDirectory.rawValue == UInt32(FOPEN_CACHE_DIR))
    #expect(OpenFlags.noFlush.rawValue == UInt32(FOPEN_NOFLUSH))
  }

  @Test func `attributes are where the C struct has them`() throws {
    let attributes = NodeAttributes(
      inodeNumber: 0x0101, mode: 0o100644, byteCount: 0x0202, blockCount: 0x0303,
      modificationSeconds: -4, modificationNanoseconds: 0x0505, linkCount: 6, userID: 7,
      groupID: 8, deviceNumber: 9, blockSize: 10)
    var bytes = [UInt8](repeating: 0xAA, count: NodeEntry.byteCount)
    var span = bytes.mutableRawSpan
    let entry = NodeEntry(node: NodeID(rawValue: 77), attributes: attributes)
    #expect(CacheTimeouts(entry: 11, attributes: 12).encode(entry, into: &span) == 128)
    let decoded = bytes.withUnsafeBytes { $0.loadUnaligned(as: fuse_entry_out.self) }
    #expect(decoded.nodeid == 77)
    #expect(decoded.generation == 0)
    #expect((decoded.entry_valid, decoded.attr_valid) == (11, 12))
    #expect((decoded.entry_valid_nsec, decoded.attr_valid_nsec) == (0, 0))
    let attr = decoded.attr
    #expect((attr.ino, attr.size, attr.blocks) == (0x0101, 0x0202, 0x0303))
    #expect(attr.mtime == UInt64(bitPattern: -4))
    #expect((attr.atime, attr.ctime) == (attr.mtime, attr.mtime))
    #expect((attr.mtimensec, attr.atimensec, attr.ctimensec) == (0x0505, 0x0505, 0x0505))
    #expect((attr.mode, attr.nlink, attr.uid, attr.gid) == (0o100644, 6, 7, 8))
    #expect((attr.rdev, attr.blksize, attr.flags) == (9, 10, 0))
  }
}
