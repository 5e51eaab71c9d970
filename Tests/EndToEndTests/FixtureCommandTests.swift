import Foundation
import TestSupport
import Testing

/// Every reference image through the commands and a mount, against what the kernel showed of it.
@Suite(
  .serialized, .enabled(if: Stage.isPossible, "needs root and /dev/fuse"),
  .enabled(if: SharedData.hasFixtures, "needs the reference images"))
struct FixtureCommandTests {
  private let stage: Stage

  init() throws { stage = try Stage() }

  /// The arguments that name the image `name` to a command.
  private static func arguments(of name: String) throws -> [String] {
    try SharedData.deviceFiles(of: name).flatMap { ["--device", try SharedData.path(of: $0)] }
      + [SharedData.path(of: "\(name).erofs")]
  }

  @Test func `every reference image has the manifest that it should`() throws {
    for name in SharedData.imageNames {
      let expected = try SharedData.snapshot(of: name)
      let arguments = try ["manifest", "--digests"] + Self.arguments(of: name)
      let manifest = try ManifestFile(stage.succeed(arguments).text)
      #expect(manifest.differences(from: expected) == [], "\(name)")
    }
  }

  @Test func `every reference image is extracted whole`() throws {
    for name in SharedData.imageNames {
      let target = stage.directory.file(name)
      try stage.succeed(["extract"] + Self.arguments(of: name) + [target])
      let extracted = try TreeSnapshot(of: target)
      #expect(
        extracted.differences(from: try SharedData.snapshot(of: name)) == [], "\(name)")
      try FileManager.default.removeItem(atPath: target)
    }
  }

  @Test func `a mount of every reference image shows all of it`() throws {
    for name in SharedData.imageNames {
      try stage.succeed(
        ["mount"] + Self.arguments(of: name) + [stage.mountPoint])
      let mounted = try TreeSnapshot(of: stage.mountPoint)
      #expect(mounted.differences(from: try SharedData.snapshot(of: name)) == [], "\(name)")
      try stage.succeed("unmount", stage.mountPoint)
    }
  }
}
