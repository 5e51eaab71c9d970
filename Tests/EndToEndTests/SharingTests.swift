import Foundation
import TestSupport
import Testing

/// What `cullet inspect` says images would share.
@Suite(.serialized) struct SharingTests {
  private static let hasPython =
    (try? Command(["python3", "-c", "import ctypes, multiprocessing"]))?.status == 0
  /// The script that computes the same by other means.
  private static let analysis = SharedData.root.map { "\($0)/corpus/analyze.py" }

  private let stage: Stage

  init() throws { stage = try Stage() }

  private func run(_ script: String) throws {
    let command = try Command(["bash", "-ec", script], in: stage.directory.path)
    try #require(command.status == 0, "\(command.errors)")
  }

  private func inspect(_ arguments: String...) throws -> [String: Any] {
    let text = try stage.succeed(["inspect", "--json"] + arguments).output
    return try #require(JSONSerialization.jsonObject(with: text) as? [String: Any])
  }

  private func sharing(_ report: [String: Any]?) throws -> [String: Any] {
    try #require(report?["sharing"] as? [String: Any])
  }

  /// Two trees that have files, pages and stretches of zeros in common, among themselves and within.
  private func makeTrees(_ generator: SeededGenerator) throws {
    var generator = generator
    try run("mkdir one")
    _ = try RandomTree(at: stage.directory.file("one"), generator)
    try run("cp -a one two; mkdir one/pages two/pages")
    let word = generator.bytes(count: 50)
    var pool: [[UInt8]] = []
    for number in 0..<40 {
      var page: [UInt8] = []
      switch number % 5 {
      case 0: break
      case 1: while page.count < 4096 - 64 { page += word + generator.bytes(count: 14) }
      case 2: page = generator.bytes(count: 3600)
      default: page = generator.bytes(count: 4096)
      }
      pool.append(page + [UInt8](repeating: 0, count: 4096 - page.count))
    }
    for tree in ["one", "two"] {
      for number in 0..<60 {
        var content: [UInt8] = []
        for _ in 0..<Int.random(in: 0...12, using: &generator) {
          content += pool.randomElement(using: &generator) ?? []
        }
        if Bool.random(using: &generator) {
          content.removeLast(min(content.count, Int.random(in: 0...5000, using: &generator)))
        }
        try stage.directory.write(content, to: "\(tree)/pages/\(number)")
      }
    }
  }

  /// The figures of both trees and of the pair, as the script has them.
  private func analyze(_ script: String) throws -> [[String: Int]] {
    let environment = [
      "ANALYSIS": stage.directory.file("analysis"), "PYTHONDONTWRITEBYTECODE": "1",
    ]
    let program = """
      import json, os, signal, sys
      # The runner blocks signals, also those by which the script ends its workers.
      signal.pthread_sigmask(signal.SIG_SETMASK, [])
      sys.path.insert(0, os.path.dirname(sys.argv[1]))
      import analyze as a
      def figures(files):
          pages = {}
          for f in a.uniq_files(files).values():
              pages.update(zip((b[0] for b in f["4K"]), f["lz4"]))
          pages.pop(a.ZDIG, None)
          units = sum(-(-s // 512) if s <= 3584 else 8 for s in pages.values())
          costs = {"noSharingBytes": "none", "fileSharingBytes": "file",
                   "pageSharingBytes": "4K", "pageSharingWithoutZerosBytes": "4K-0"}
          found = {name: a.cost(files, level) * a.PAGE for name, level in costs.items()}
          found["compressedBytes"] = units * 512
          found["zeroPageBytes"] = sum(s == 0 for f in files for s in f["lz4"]) * a.PAGE
          found["files"] = len(files)
          found["emptyFiles"] = sum(f["size"] == 0 for f in files)
          return found
      a.main(["one", "two"])
      one, two = a.load("one"), a.load("two")
      print(json.dumps([figures(one), figures(two), figures(one + two)]))
      """
    let answer = try Command(
      ["python3", "-c", program, script], environment: environment, in: stage.directory.path)
    try #require(answer.status == 0, "\(answer.errors)")
    return try #require(JSONSerialization.jsonObject(with: answer.output) as? [[String: Int]])
  }

  @Test(
    .enabled(if: hasPython, "needs python3"),
    .enabled(
      if: analysis.map { FileManager.default.fileExists(atPath: $0) } ?? false,
      "needs corpus/analyze.py below CULLET_SHARED"))
  func `two random trees share what an independent count says`() throws {
    try makeTrees(SeededGenerator(for: "SharingTests"))
    let images = ["one", "two"].map { stage.directory.file("\($0).erofs") }
    try stage.succeed("pack", "--fingerprints", images[0], stage.directory.file("one"))
    try stage.succeed(
      "pack", "--fingerprints", "--compress", "lz4", images[1], stage.directory.file("two"))
    let expected = try analyze(try #require(Self.analysis))
    let metadataKeys = ["files", "emptyFiles", "noSharingBytes", "fileSharingBytes"]
    let whole = try inspect("--pages", images[0], images[1])
    let claims = try inspect(images[0], images[1])
    for (report, keys) in [(whole, Array(expected[0].keys)), (claims, metadataKeys)] {
      let parts = try #require(report["images"] as? [[String: Any]])
      for (part, expected) in zip(parts + [report], expected) {
        let sharing = try sharing(part)
        for key in keys { #expect(sharing[key] as? Int == expected[key], "\(key)") }
      }
    }
    #expect(try sharing(whole)["wrongFingerprints"] as? Int == 0)
    #expect(try sharing(claims)["unknownBytes"] as? Int == 0)
    #expect(try sharing(claims)["pageSharingBytes"] == nil)
    #expect(try sharing(whole)["images"] as? Int == 2)
  }

  @Test func `a fingerprint that lies is counted, and believed only where nothing is read`() throws
  {
    try run("mkdir tree; seq 2000 > tree/one; cp tree/one tree/two")
    let image = stage.directory.file("image.erofs")
    try stage.succeed("pack", "--fingerprints", image, stage.directory.file("tree"))
    var bytes = try Data(contentsOf: URL(filePath: image))
    let place = try #require(bytes.range(of: Data("\n1000\n1001\n".utf8)))
    bytes[place.lowerBound + 1] = UInt8(ascii: "9")
    try bytes.write(to: URL(filePath: image))

    let pages = (8893 + 4095) / 4096 * 4096
    let claimed = try sharing(inspect(image))
    #expect(claimed["noSharingBytes"] as? Int == 2 * pages)
    #expect(claimed["fileSharingBytes"] as? Int == pages)
    #expect(claimed["filesWithFingerprint"] as? Int == 2)
    let read = try sharing(inspect("--pages", image))
    #expect(read["wrongFingerprints"] as? Int == 1)
    #expect(read["fileSharingBytes"] as? Int == 2 * pages)
    #expect(read["pageSharingBytes"] as? Int == pages + 4096)
    let text = try stage.succeed("inspect", "--pages", image).text
    #expect(text.contains("1 fingerprint not of the file's content"))
  }

  @Test func `files without fingerprint are said to be unknown`() throws {
    try run("mkdir tree; seq 2000 > tree/one; cp tree/one tree/two; : > tree/empty")
    let image = stage.directory.file("image.erofs")
    try stage.succeed("pack", image, stage.directory.file("tree"))
    let text = try stage.succeed("inspect", image, image).text
    #expect(text.contains("together"))
    #expect(text.contains("unknown    48 KiB in files without fingerprint"))
    #expect(try sharing(inspect(image))["unknownBytes"] as? Int == 6 * 4096)
    #expect(try stage.succeed("inspect", "--pages", image).text.contains("unknown") == false)
  }

  @Test func `one image has its report as ever, several have one each and one of all`() throws {
    try run("mkdir tree; seq 2000 > tree/one")
    let image = stage.directory.file("image.erofs")
    try stage.succeed("pack", "--fingerprints", image, stage.directory.file("tree"))
    let one = try inspect(image)
    #expect(one["blockSize"] as? Int == 4096)
    #expect(one["images"] == nil && one["source"] == nil)
    let two = try inspect(image, image)
    #expect(Set(two.keys) == ["images", "sharing"])
    let images = try #require(two["images"] as? [[String: Any]])
    #expect(images.map { $0["source"] as? String } == ["file://\(image)", "file://\(image)"])
    #expect(images.map { $0["blockSize"] as? Int } == [4096, 4096])
    #expect(try sharing(two)["fileSharingBytes"] as? Int == 3 * 4096)
    try stage.expectFailure(64, ["source"], running: ["inspect"])
    try stage.expectFailure(
      66, ["absent"], running: ["inspect", image, stage.directory.file("absent")])
  }

  @Test func `extra devices go to the images that have them`() throws {
    try run("mkdir old new; seq 20000 > old/one; cp old/one new/one; seq 9 > new/two")
    let (old, new) = (stage.directory.file("old.erofs"), stage.directory.file("new.erofs"))
    try stage.succeed("pack", "--chunk-size", "4K", old, stage.directory.file("old"))
    try stage.succeed(
      "pack", "--chunk-size", "4K", "--base", old, new, stage.directory.file("new"))
    let pages = (108_894 + 4095) / 4096 * 4096
    for order in [[new, old], [old, new]] {
      let report = try inspect("--pages", "--device", old, order[0], order[1])
      #expect(try sharing(report)["fileSharingBytes"] as? Int == pages + 4096)
    }
    try stage.expectFailure(
      65, ["devices"],
      running: ["inspect", "--device", old, "--device", old, new, old])
  }

  @Test(.enabled(if: NginxServer.isInstalled, "needs nginx"))
  func `without pages no file of a remote image is fetched`() async throws {
    try run("mkdir tree www; head -c 9000000 /dev/urandom > tree/large; seq 99 > tree/small")
    try stage.succeed(
      "pack", "--fingerprints", stage.directory.file("www/image.erofs"),
      stage.directory.file("tree"))
    let server = try await NginxServer(root: stage.directory.file("www"))
    let claimed = try sharing(inspect(server.url("image.erofs")))
    #expect(try stage.status("usedBytes") < 2 << 20)
    let read = try sharing(inspect("--pages", server.url("image.erofs")))
    #expect(try stage.status("usedBytes") > 8 << 20)
    #expect(read["fileSharingBytes"] as? Int == claimed["fileSharingBytes"] as? Int)
  }
}
