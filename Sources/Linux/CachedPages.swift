internal import CLinux

/// What the kernel keeps of files in its page cache; Linux 6.5.
package enum CachedPages {
  /// Bytes of all regular files below `directory`, other mounts left aside, those of a file with
  /// several names once.
  ///
  /// Opens each of them. What cannot be opened counts nothing; throws when `directory` cannot be, and
  /// where the kernel does not tell: before Linux 6.5, and of files that the caller could not write.
  package static func byteCount(below directory: String) throws(SystemError) -> Int {
    guard let path = unsafe strdup(directory) else {
      throw SystemError(call: "strdup", errno: .current)
    }
    defer { unsafe free(path) }
    var roots: [UnsafeMutablePointer<CChar>?] = unsafe [path, nil]
    guard let walk = unsafe fts_open(&roots, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, nil) else {
      throw SystemError(call: "fts_open", errno: .current, subject: directory)
    }
    defer { unsafe fts_close(walk) }
    var byteCount = 0
    var seen: Set<UInt64> = []
    while let entry = unsafe fts_read(walk)?.pointee {
      let kind = unsafe Int32(entry.fts_info)
      if kind == FTS_DNR || kind == FTS_NS, unsafe entry.fts_level == 0 {
        let errno = unsafe Errno(rawValue: entry.fts_errno)
        throw SystemError(call: "fts_read", errno: errno, subject: directory)
      }
      guard kind == FTS_F, let status = unsafe entry.fts_statp?.pointee,
        status.st_nlink == 1 || seen.insert(UInt64(status.st_ino)).inserted
      else { continue }
      let opened = unsafe cullet_openat(
        AT_FDCWD, entry.fts_accpath, O_RDONLY | O_NOFOLLOW | O_CLOEXEC, 0)
      guard opened >= 0 else { continue }
      byteCount += try FileDescriptor(adopting: opened).cachedByteCount()
    }
    return byteCount
  }
}

extension FileDescriptor {
  /// Bytes of the file that the kernel keeps in its page cache; ENOSYS before Linux 6.5.
  package func cachedByteCount() throws(SystemError) -> Int {
    var pageCount: UInt64 = 0
    _ = try retryingInterrupts("cachestat") {
      Int(unsafe cullet_cached_page_count(rawValue, &pageCount))
    }
    return Int(clamping: pageCount) * Int(getpagesize())
  }
}
