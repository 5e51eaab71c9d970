internal import Bytes
internal import Codecs
internal import Linux

extension TierCore {
  /// Keeps the page at `source` as page `index` of `file`, unless there is one already or no room.
  ///
  /// `sample` is what ``PageContent`` made of it, if contents are shared. Lock held; it is released
  /// and taken again while victims are compressed.
  @unsafe
  func insert(
    _ source: UnsafeRawPointer, sample: UInt64, isVerified: Bool, into file: TierFile,
    at index: UInt64
  ) {
    guard accepts(index, of: file, isVerified) else { return }
    var indexed: UInt64 = 0
    if options.sharesContent {
      indexed = sample
      if sample == 0 {
        set(.zeros, at: index, of: file)
        counts.zeroMappingCount += 1
        return
      }
      let finding = contents.find(
        sample: sample, domain: file.volume.domain.number, in: pages
      ) { unsafe holds($0, source) }
      switch finding {
      case .found(let twin):
        refer(from: file, at: index, to: twin)
        return
      case .crowded: indexed = 0
      case .absent: break
      }
    }
    guard let (page, frame) = takeRoom(for: file.volume) else { return }
    // Others may have been at it while the lock was free.
    guard accepts(index, of: file, isVerified) else {
      arenas.free(frame: frame)
      returnPage(page)
      return
    }
    unsafe bytes.address(ofFrame: frame)
      .copyMemory(from: source, byteCount: PageContent.pageByteCount)
    publish(page, in: frame, sample: indexed, for: file, at: index)
  }

  /// Whether page `index` of `file` is missing and may be kept.
  private func accepts(_ index: UInt64, of file: TierFile, _ isVerified: Bool) -> Bool {
    let reference = file.map.reference(at: index)
    return unsafe !file.isRemoved && (isVerified || !file.isSealed) && !isHere(reference)
      && counts.mapByteCount <= mapByteCountMax
  }

  /// A sixteenth of the budget, and a MiB: eight bytes a page is a five-hundredth, but whoever reads
  /// one page here and one there of vast files of zeros takes no pages, and many nodes.
  private var mapByteCountMax: Int { arenas.limit * Arenas.byteCount / 16 + (1 << 20) }

  private func set(_ reference: PageReference, at index: UInt64, of file: TierFile) {
    let before = file.map.byteCount
    file.map.set(reference, at: index)
    counts.mapByteCount += file.map.byteCount - before
  }

  private func publish(
    _ page: UInt32, in frame: UInt32, sample: UInt64, for file: TierFile, at index: UInt64
  ) {
    let isReturning = file.map.reference(at: index).isPage
    if isReturning { share.noteRefault() }
    let generation = pages.state(page).generation &+ 1
    pages[location: page] = frame
    pages[volume: page] = file.volume.number
    pages[page].domain = file.volume.domain.number
    pages[page].sample = sample
    pages[page].referenceCount = 0
    pages[page].copy = 0
    volumes.charge(file.volume.number)
    domains.charge(file.volume.domain.number)
    counts.hotPageCount += 1
    if sample != 0 { contents.insert(page, in: pages) }
    // A page that came back is no scan's: it need not prove itself again.
    if isReturning { protected.insert(page, in: pages) } else { probation.insert(page, in: pages) }
    pages.publish(
      page, as: PageState(generation: generation, residency: .hot, isReturning: isReturning))
    refer(from: file, at: index, to: page)
  }

  private func refer(from file: TierFile, at index: UInt64, to page: UInt32) {
    let state = pages.state(page)
    set(PageReference(page: page, generation: state.generation), at: index, of: file)
    pages[page].referenceCount += 1
    counts.logicalPageCount += 1
  }

  /// Whether the page at `source` is what `page` holds, byte by byte.
  @unsafe
  private func holds(_ page: UInt32, _ source: UnsafeRawPointer) -> Bool {
    let state = pages.state(page)
    guard state.residency == .compressed else {
      return unsafe PageContent.areEqual(
        bytes.address(ofFrame: pages[location: page]), source)
    }
    return unsafe withUnsafeTemporaryAllocation(
      byteCount: PageContent.pageByteCount, alignment: 64
    ) { scratch in
      guard let start = scratch.baseAddress else { return false }
      return unsafe decode(page, from: 0, into: start, byteCount: PageContent.pageByteCount)
        && PageContent.areEqual(start, source)
    }
  }

  /// Decodes bytes of the compressed `page`, which cannot go meanwhile, from `offset` on; false if it
  /// is not what was written, which only a fault of the memory explains.
  @unsafe
  func decode(
    _ page: UInt32, from offset: Int, into target: UnsafeMutableRawPointer, byteCount: Int
  ) -> Bool {
    guard offset == 0 else {
      return unsafe withUnsafeTemporaryAllocation(
        byteCount: PageContent.pageByteCount, alignment: 64
      ) { scratch in
        guard let start = scratch.baseAddress,
          unsafe decode(page, from: 0, into: start, byteCount: offset + byteCount)
        else { return false }
        unsafe target.copyMemory(from: start + offset, byteCount: byteCount)
        return true
      }
    }
    let source = unsafe RawSpan(
      _unsafeStart: CompressedLog.address(of: pages[location: page], in: bytes),
      byteCount: pages[byteCount: page])
    var span = unsafe MutableRawSpan(_unsafeStart: target, byteCount: byteCount)
    do throws(CodecError) {
      try LZ4.decode(source, into: &span)
      return true
    } catch {
      return false
    }
  }

  /// A page and a frame for it, evicting others where it must; nil when that does not help.
  private func takeRoom(for volume: TierFile.Account) -> (page: UInt32, frame: UInt32)? {
    if volumes.isExhausted(volume.number) || domains.isExhausted(volume.domain.number) {
      guard dropOne(chargedTo: volume) else { return nil }
    }
    guard let page = takePage() ?? takePageFromLog() else { return nil }
    for _ in 0..<Self.attemptsMax {
      if let frame = takeFrame(for: page) { return (page, frame) }
      guard evictSome() else { break }
    }
    returnPage(page)
    return nil
  }

  /// Others take what this thread evicted, now and then, but not for ever.
  private static var attemptsMax: Int { 16 }

  /// A frame that is free, or in an arena that may be opened for frames.
  func takeFrame(for page: UInt32) -> UInt32? {
    if let frame = arenas.takeFrame(for: page) { return frame }
    if arenas.logArenaCount > share.targetArenaCount, let arena = emptyOldestLogArena() {
      arenas.assign(arena, to: .frames)
    } else if arenas.open(for: .frames) == nil {
      return nil
    }
    return arenas.takeFrame(for: page)
  }

  private func takePageFromLog() -> UInt32? {
    guard let arena = emptyOldestLogArena() else { return nil }
    arenas.close(arena)
    return takePage()
  }
}
