import Bytes
import Codecs
import Linux
import PageTier
import TestSupport
import Testing

@Suite struct SharingDomainTests {
  /// Images of one domain, and what they hold.
  struct Fixture {
    let tier: PageTier
    let work: WorkQueue
    let domain: SharingDomain

    init(
      sharesContent: Bool = false, admission: SharingDomain.Admission = .always
    ) throws {
      var options = TierOptions(byteCountMax: 32 << 20)
      options.sharesContent = sharesContent
      tier = try #require(PageTier(options))
      work = try WorkQueue(name: "test-indexer")
      domain = try #require(SharingDomain(tier: tier, admission: admission, work: work))
    }

    func volume() throws -> TierVolume { try #require(domain.makeVolume()) }

    func file(_ bytes: [UInt8], claim: Digest?, _ volume: TierVolume) -> FilePages {
      domain.makeFile(byteCount: UInt64(bytes.count), claim: claim, volume: volume)
    }
  }

  /// Reads `range`, or all, of `file`, loading from `bytes`; returns what was read, and how much was loaded.
  @discardableResult
  static func read(
    _ file: FilePages, _ range: Range<Int>? = nil, from bytes: [UInt8]
  ) -> (bytes: [UInt8], loaded: Int) {
    let wanted = range ?? 0..<bytes.count
    var target = [UInt8](repeating: 0, count: wanted.count)
    var loaded = 0
    var span = target.mutableRawSpan
    file.read(at: UInt64(wanted.lowerBound), into: &span) { part, offset in
      let range = Int(offset)..<Int(offset) + part.byteCount
      part.copy(bytes.rawSpan.extracting(range))
      loaded += part.byteCount
    }
    return (target, loaded)
  }

  static func content(_ byteCount: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    return generator.bytes(count: byteCount)
  }

  @Test(arguments: [1, 4096, 100_001, 3_000_000])
  func `a file that another image read is served without loading`(byteCount: Int) throws {
    let fixture = try Fixture()
    let bytes = Self.content(byteCount)
    let claim = SHA256.digest(of: bytes.rawSpan)
    let first = fixture.file(bytes, claim: claim, try fixture.volume())
    #expect(Self.read(first, from: bytes).loaded == byteCount)
    let second = fixture.file(bytes, claim: claim, try fixture.volume())
    fixture.work.drain()
    let result = Self.read(second, from: bytes)
    #expect(result.loaded == 0)
    #expect(difference(result.bytes, bytes) == nil)
    #expect(fixture.tier.statistics.pageCount == (byteCount + 4095) / 4096)
    #expect(fixture.tier.statistics.sharedHits > 0)
    withExtendedLifetime(first) {}
  }

  @Test func `files without a fingerprint are recognised once they were read`() throws {
    let fixture = try Fixture()
    let bytes = Self.content(50_000)
    let first = fixture.file(bytes, claim: nil, try fixture.volume())
    let second = fixture.file(bytes, claim: nil, try fixture.volume())
    _ = Self.read(first, from: bytes)
    _ = Self.read(second, from: bytes)
    fixture.work.drain()
    #expect(fixture.tier.statistics.pageCount == 13)
    #expect(Self.read(second, from: bytes).loaded == 0)
    withExtendedLifetime(first) {}
  }

  @Test func `a forged image that lies about libc reaches nobody but itself`() throws {
    let fixture = try Fixture()
    let genuine = Self.content(200_000)
    let forged = Self.content(200_000, seed: 2)
    let claim = SHA256.digest(of: genuine.rawSpan)
    // The forger is first, so that its pages are the ones that could be shared.
    let forger = fixture.file(forged, claim: claim, try fixture.volume())
    #expect(difference(Self.read(forger, from: forged).bytes, forged) == nil)
    let honest = fixture.file(genuine, claim: claim, try fixture.volume())
    let result = Self.read(honest, from: genuine)
    #expect(difference(result.bytes, genuine) == nil)
    #expect(result.loaded == genuine.count)
    // And the third reads what the second proved.
    let third = fixture.file(genuine, claim: claim, try fixture.volume())
    fixture.work.drain()
    let shared = Self.read(third, from: genuine)
    #expect(difference(shared.bytes, genuine) == nil)
    withExtendedLifetime((forger, honest)) {}
  }

  @Test func `pages that an image supplies after its file was verified are checked`() throws {
    let fixture = try Fixture()
    let genuine = Self.content(200_000)
    let claim = SHA256.digest(of: genuine.rawSpan)
    let forger = fixture.file(genuine, claim: claim, try fixture.volume())
    _ = Self.read(forger, from: genuine)
    let honest = fixture.file(genuine, claim: claim, try fixture.volume())
    #expect(Self.read(honest, from: genuine).loaded == 0)
    // All pages go; then the first image's origin supplies something else.
    fixture.tier.setBudget(byteCount: 0)
    let filling = Self.content(4 << 20, seed: 3)
    let filler = fixture.file(filling, claim: nil, try fixture.volume())
    for _ in 0..<8 { _ = Self.read(filler, from: filling) }
    let forged = Self.content(200_000, seed: 2)
    _ = Self.read(forger, from: forged)
    let result = Self.read(honest, from: genuine)
    #expect(difference(result.bytes, genuine) == nil)
    #expect(difference(Self.read(forger, from: forged).bytes, forged) == nil)
    #expect(difference(Self.read(honest, from: genuine).bytes, genuine) == nil)
  }

  /// What is stored of a file, which is no more than its first bytes.
  final class Store: PageSupplier {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
      self.bytes = bytes
    }

    func supply(into target: inout MutableRawSpan, at offset: UInt64) -> Bool {
      let range = Int(offset)..<Int(offset) + target.byteCount
      guard range.upperBound <= bytes.count else { return false }
      let bytes = bytes
      target.copy(bytes.rawSpan.extracting(range))
      return true
    }

    func noteUse(from offset: UInt64, byteCount: UInt64) {}
  }

  @Test(arguments: [5000, 2_000_000])
  func `what another image has stored is read from there`(byteCount: Int) throws {
    let fixture = try Fixture()
    let bytes = Self.content(byteCount)
    let claim = SHA256.digest(of: bytes.rawSpan)
    let first = fixture.domain.makeFile(
      byteCount: UInt64(byteCount), claim: claim, volume: try fixture.volume(),
      supplier: Store(bytes))
    let second = fixture.domain.makeFile(
      byteCount: UInt64(byteCount), claim: claim, volume: try fixture.volume(),
      supplier: Store([]))
    fixture.work.drain()
    let result = Self.read(second, from: bytes)
    #expect(result.loaded == 0)
    #expect(difference(result.bytes, bytes) == nil)
    withExtendedLifetime(first) {}
  }

  @Test func `what a forged image has stored is not read by others`() throws {
    let fixture = try Fixture()
    let genuine = Self.content(20_000)
    let forged = Self.content(20_000, seed: 2)
    let claim = SHA256.digest(of: genuine.rawSpan)
    let forger = fixture.domain.makeFile(
      byteCount: 20_000, claim: claim, volume: try fixture.volume(), supplier: Store(forged))
    let honest = fixture.domain.makeFile(
      byteCount: 20_000, claim: claim, volume: try fixture.volume(), supplier: Store([]))
    let result = Self.read(honest, from: genuine)
    #expect(result.loaded == genuine.count)
    #expect(difference(result.bytes, genuine) == nil)
    withExtendedLifetime(forger) {}
  }

  @Test func `images of different domains share nothing`() throws {
    let fixture = try Fixture(sharesContent: true)
    let other = try #require(SharingDomain(tier: fixture.tier, work: fixture.work))
    let bytes = Self.content(40_960)
    let claim = SHA256.digest(of: bytes.rawSpan)
    let first = fixture.file(bytes, claim: claim, try fixture.volume())
    let second = other.makeFile(
      byteCount: UInt64(bytes.count), claim: claim, volume: try #require(other.makeVolume()))
    #expect(Self.read(first, from: bytes).loaded == bytes.count)
    #expect(Self.read(second, from: bytes).loaded == bytes.count)
    #expect(fixture.tier.statistics.pageCount == 20)
    #expect(fixture.tier.statistics.sharedHits == 0)
  }

  @Test func `equal pages of different files are kept once, and zeros not at all`() throws {
    let fixture = try Fixture(sharesContent: true)
    let common = Self.content(40_960)
    let first = common + [UInt8](repeating: 0, count: 8192)
    let second = [UInt8](repeating: 7, count: 4096) + common
    let files = [
      fixture.file(first, claim: nil, try fixture.volume()),
      fixture.file(second, claim: nil, try fixture.volume()),
    ]
    #expect(difference(Self.read(files[0], from: first).bytes, first) == nil)
    #expect(difference(Self.read(files[1], from: second).bytes, second) == nil)
    let statistics = fixture.tier.statistics
    #expect(statistics.pageCount == 11 && statistics.zeroPageCount == 2)
    #expect(statistics.logicalByteCount == 23 * 4096)
    #expect(difference(Self.read(files[1], from: second).bytes, second) == nil)
  }

  @Test func `what an image held is charged to it, and limited`() throws {
    let fixture = try Fixture()
    let volume = try #require(fixture.domain.makeVolume(byteCountMax: 40_960))
    let bytes = Self.content(100_000)
    let file = fixture.file(bytes, claim: nil, volume)
    #expect(difference(Self.read(file, from: bytes).bytes, bytes) == nil)
    #expect(difference(Self.read(file, from: bytes).bytes, bytes) == nil)
    #expect(fixture.tier.chargedByteCount(of: volume) <= 40_960)
    #expect(fixture.tier.chargedByteCount(of: volume) > 0)
  }

  @Test func `an image at its limit keeps new pages, whatever it read often`() throws {
    let fixture = try Fixture()
    let volume = try #require(fixture.domain.makeVolume(byteCountMax: 40_960))
    let often = Self.content(40_960)
    let file = fixture.file(often, claim: nil, volume)
    for _ in 0..<4 { Self.read(file, from: often) }
    let others = Self.content(4 << 20, seed: 2)
    let otherFile = fixture.file(others, claim: nil, try fixture.volume())
    Self.read(otherFile, from: others)
    let new = Self.content(8192, seed: 3)
    let newFile = fixture.file(new, claim: nil, volume)
    Self.read(newFile, from: new)
    #expect(Self.read(newFile, from: new).loaded == 0)
    #expect(fixture.tier.chargedByteCount(of: volume) <= 40_960)
    #expect(Self.read(otherFile, from: others).loaded == 0)
    withExtendedLifetime(file) {}
  }

  @Test func `a file of which pages went while it was read is recognised later`() throws {
    let fixture = try Fixture()
    let bytes = Self.content(80_000)
    let first = fixture.file(bytes, claim: nil, try fixture.volume())
    let second = fixture.file(bytes, claim: nil, try fixture.volume())
    Self.read(first, 0..<40_960, from: bytes)
    fixture.tier.removeAll()
    Self.read(first, 0..<40_960, from: bytes)
    // As much was loaded as the file has, but not all of it.
    fixture.work.drain()
    Self.read(first, from: bytes)
    Self.read(second, from: bytes)
    fixture.work.drain()
    #expect(fixture.tier.statistics.pageCount == 20)
    withExtendedLifetime((first, second)) {}
  }

  @Test func `a lone image's pages are kept from the second time on`() throws {
    let fixture = try Fixture(admission: .whenWanted)
    let bytes = Self.content(80_000)
    let file = fixture.file(bytes, claim: nil, try fixture.volume())
    Self.read(file, from: bytes)
    #expect(fixture.tier.statistics.pageCount == 0)
    #expect(Self.read(file, from: bytes).loaded == bytes.count)
    #expect(Self.read(file, from: bytes).loaded == 0)
  }

  @Test func `pages of two images are kept from the first time on`() throws {
    let fixture = try Fixture(admission: .whenWanted)
    let bytes = Self.content(80_000)
    let claim = SHA256.digest(of: bytes.rawSpan)
    let first = fixture.file(bytes, claim: claim, try fixture.volume())
    let second = fixture.file(bytes, claim: claim, try fixture.volume())
    Self.read(first, from: bytes)
    #expect(Self.read(second, from: bytes).loaded == 0)
  }

  /// What is remembered, by number; notes what it hears.
  final class Memory: FingerprintMemory {
    let known: [UInt64: Digest]
    let noted = Lock<[UInt64: Digest?]>([:])

    init(_ known: [UInt64: Digest] = [:]) {
      self.known = known
    }

    func fingerprint(ofFile file: UInt64, byteCount: UInt64) -> Digest? { known[file] }

    func note(_ fingerprint: Digest?, ofFile file: UInt64, byteCount: UInt64) {
      noted.withLock { $0[file] = .some(fingerprint) }
    }
  }

  private func remembered(
    _ bytes: [UInt8], _ memory: Memory, in fixture: Fixture, stored: [UInt8] = []
  ) throws -> FilePages {
    fixture.domain.makeFile(
      byteCount: UInt64(bytes.count), claim: nil, volume: try fixture.volume(),
      supplier: Store(stored), remembered: RememberedFile(7, in: memory))
  }

  @Test func `a file that was remembered is shared without being read first`() throws {
    let bytes = Self.content(200_000)
    let memories = [Memory(), Memory()]
    do {
      // What is found out in one life is known in the next.
      let fixture = try Fixture()
      let files = try memories.map { try remembered(bytes, $0, in: fixture) }
      for file in files { _ = Self.read(file, from: bytes) }
      fixture.work.drain()
    }
    let digest = SHA256.digest(of: bytes.rawSpan)
    #expect(memories.allSatisfy { $0.noted.withLock { $0 } == [7: .some(digest)] })
    let fixture = try Fixture()
    let first = try remembered(bytes, Memory([7: digest]), in: fixture)
    _ = Self.read(first, from: bytes)
    let second = try remembered(bytes, Memory([7: digest]), in: fixture, stored: bytes)
    let result = Self.read(second, from: bytes)
    #expect(result.loaded == 0)
    #expect(difference(result.bytes, bytes) == nil)
    // Of the third nothing is at hand: one read has to show that it is the same.
    let third = try remembered(bytes, Memory([7: digest]), in: fixture)
    var page = [UInt8](repeating: 0, count: 4096)
    var span = page.mutableRawSpan
    third.read(at: 8192, into: &span) { part, offset in
      part.copy(bytes.rawSpan.extracting(Int(offset)..<Int(offset) + part.byteCount))
    }
    #expect(difference(page, Array(bytes[8192..<12288])) == nil)
    let rest = Self.read(third, from: bytes)
    #expect(rest.loaded == 0)
    #expect(difference(rest.bytes, bytes) == nil)
    withExtendedLifetime((first, second)) {}
  }

  @Test(arguments: [true, false], [true, false])
  func `a memory that is wrong misleads neither its own image nor another`(
    isWrongFirst: Bool, isStored: Bool
  ) throws {
    let fixture = try Fixture()
    let (genuine, other) = (Self.content(200_000), Self.content(200_000, seed: 2))
    let claim = SHA256.digest(of: genuine.rawSpan)
    let memory = Memory([7: claim])
    var honest: FilePages?
    func readHonest() throws {
      let file = try honest ?? fixture.file(genuine, claim: claim, try fixture.volume())
      honest = file
      #expect(difference(Self.read(file, from: genuine).bytes, genuine) == nil)
    }
    if !isWrongFirst {
      try readHonest()
      // A second one, so that what the first holds is verified by now.
      let second = fixture.file(genuine, claim: claim, try fixture.volume())
      #expect(Self.read(second, from: genuine).loaded == 0)
    }
    let wrong = try remembered(other, memory, in: fixture, stored: isStored ? other : [])
    #expect(difference(Self.read(wrong, from: other).bytes, other) == nil)
    try readHonest()
    let third = fixture.file(genuine, claim: claim, try fixture.volume())
    #expect(difference(Self.read(third, from: genuine).bytes, genuine) == nil)
    #expect(difference(Self.read(wrong, from: other).bytes, other) == nil)
    #expect(memory.noted.withLock { $0[7] } != nil)
    // It goes on with pages of its own, unless it was taken for another.
    if isStored || isWrongFirst { #expect(Self.read(wrong, from: other).loaded == 0) }
  }

  @Test func `a limit that is lowered is kept at once, and can be lifted`() throws {
    let fixture = try Fixture()
    let bytes = Self.content(1_000_000)
    let file = fixture.file(bytes, claim: nil, try fixture.volume())
    _ = Self.read(file, from: bytes)
    #expect(fixture.domain.chargedByteCount == 245 * 4096)
    fixture.domain.setLimit(100 * 4096)
    #expect(fixture.domain.chargedByteCount == 100 * 4096)
    #expect(fixture.domain.byteCountMax == 100 * 4096)
    #expect(difference(Self.read(file, from: bytes).bytes, bytes) == nil)
    #expect(fixture.domain.chargedByteCount <= 100 * 4096)
    fixture.domain.setLimit(nil)
    #expect(difference(Self.read(file, from: bytes).bytes, bytes) == nil)
    #expect(fixture.domain.chargedByteCount == 245 * 4096)
  }

  @Test func `what an image leaves behind is charged to its heirs, then to nobody`() throws {
    let fixture = try Fixture()
    let bytes = Self.content(100_000)
    let claim = SHA256.digest(of: bytes.rawSpan)
    let heir = try fixture.volume()
    var second: FilePages?
    do {
      let first = fixture.file(bytes, claim: claim, try fixture.volume())
      _ = Self.read(first, from: bytes)
      second = fixture.file(bytes, claim: claim, heir)
    }
    let file = try #require(second)
    #expect(Self.read(file, from: bytes).loaded == 0)
    #expect(fixture.tier.chargedByteCount(of: heir) == 0)
    fixture.tier.removeAll()
    _ = Self.read(file, from: bytes)
    #expect(fixture.tier.chargedByteCount(of: heir) == 25 * 4096)
    second = nil
    #expect(fixture.domain.chargedByteCount == 25 * 4096)
  }
}
