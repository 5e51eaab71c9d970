import Bytes
import EROFS
import EROFSBuilder
import EROFSReader
import FUSEServer
import Foundation
import ImageMount
import Linux
import PageTier
import TestSupport
import Testing
import TreeSources

/// Real mounts of images in memory, whose files are read through a content mount.
@Suite(.serialized, .enabled(if: ContentMountFixture.isPossible, "needs root and passthrough"))
struct ContentMountTests {
  @Test func `one thread on each mount is enough, whatever is read at once`() throws {
    let fixture = try ContentMountFixture(threadCount: 1)
    let points = [try fixture.mount(), try fixture.mount()]
    let contents = fixture.contents
    let failures = Lock(0)
    let threads = try (0..<8).map { number in
      try Thread(name: "reader") {
        for index in contents.indices {
          let file = (index + number * 7) % contents.count
          let path = "\(points[number % 2])/\(file)"
          let content = try? Data(contentsOf: URL(filePath: path))
          if content != contents[file] { failures.withLock { $0 += 1 } }
        }
      }
    }
    for thread in threads { thread.join() }
    #expect(failures.withLock { $0 } == 0)
  }

  @Test func `files are read as well when the content mount has ended`() throws {
    let fixture = try ContentMountFixture()
    let point = try fixture.mount()
    let held = try #require(FileHandle(forReadingAtPath: "\(point)/0"))
    #expect(try held.read(upToCount: 100) == fixture.contents[0].prefix(100))
    fixture.content.close()
    for (number, content) in fixture.contents.enumerated().dropFirst() {
      #expect(try Data(contentsOf: URL(filePath: "\(point)/\(number)")) == content)
    }
    try held.close()
  }

  @Test func `a file that stays open is opened again as it was`() throws {
    let fixture = try ContentMountFixture()
    let points = [try fixture.mount(), try fixture.mount()]
    let held = try points.map { try #require(FileHandle(forReadingAtPath: "\($0)/1")) }
    // By now the file was verified; the first mount's old node and the new one must not meet.
    for point in points + points {
      #expect(try Data(contentsOf: URL(filePath: "\(point)/1")) == fixture.contents[1])
    }
    for file in held {
      #expect(try file.readToEnd() == fixture.contents[1])
      try file.close()
    }
  }
}

/// Mounts of one image, sharing a content mount; unmounted when it goes.
final class ContentMountFixture {
  static let isPossible: Bool = {
    guard getuid() == 0 else { return false }
    guard let mount = try? ContentMount(onError: { _ in }) else { return false }
    mount.close()
    return true
  }()

  let contents: [Data]
  let tier: PageTier
  let content: ContentMount
  private let directory: TemporaryDirectory
  let domain: SharingDomain
  private let work: WorkQueue
  let shared: SharedContent
  let image: [UInt8]
  private let options: ServingOptions
  private var mounts: [(point: String, session: Session, thread: Linux.Thread)] = []
  private(set) var images: [PagedImage] = []
  private(set) var filesystems: [ImageFilesystem] = []

  init(threadCount: Int = 2) throws {
    directory = try TemporaryDirectory()
    var generator = SeededGenerator(seed: 3)
    contents = (1...24).map { number in Data(generator.bytes(count: number * 9000)) }
    let tree = directory.file("tree")
    try FileManager.default.createDirectory(atPath: tree, withIntermediateDirectories: false)
    for (number, content) in contents.enumerated() {
      try content.write(to: URL(filePath: "\(tree)/\(number)"))
    }
    let source = try TreeInput.read(
      merging: [.path(tree)], spool: ArchiveSpool(in: NSTemporaryDirectory()))
    var building = BuildOptions()
    building.fingerprintName = BuildOptions.hiddenFingerprintName
    _ = try ImageBuilder(building).build(source, to: directory.file("image"))
    image = [UInt8](try Data(contentsOf: URL(filePath: directory.file("image"))))
    tier = try #require(PageTier(TierOptions(byteCountMax: 16 << 20)))
    work = try WorkQueue(name: "test-indexer")
    domain = try #require(SharingDomain(tier: tier, admission: .whenWanted, work: work))
    options = ServingOptions(threadCount: threadCount, threadCountMax: threadCount)
    content = try ContentMount(options: options) { Issue.record("\($0)") }
    shared = SharedContent(on: content)
  }

  /// Mounts the image once more; returns where.
  func mount() throws -> String {
    let point = directory.file("mount-\(mounts.count)")
    try FileManager.default.createDirectory(atPath: point, withIntermediateDirectories: false)
    let image = try Image(source: MemorySource(image))
    let paged = try #require(PagedImage(image, in: domain, content: shared))
    let filesystem = ImageFilesystem(image: image, paged: paged) { Issue.record("\($0)") }
    var options = options
    options.passesThrough = true
    let session = Session(
      filesystem: filesystem, device: try Mount.attach(source: "test", on: point),
      options: options)
    let thread = try Linux.Thread(name: "mount") { try? session.run() }
    mounts.append((point, session, thread))
    images.append(paged)
    filesystems.append(filesystem)
    return point
  }

  deinit {
    for (point, session, thread) in mounts {
      if (try? Mount.unmount(point)) == nil {
        try? Mount.unmount(point, lazy: true)
        session.stop()
      }
      thread.join()
    }
    filesystems = []
    content.close()
    work.stop()
  }
}
