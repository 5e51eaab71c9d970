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

  @Test func `every reference image has the manifest that it should`() throws {
    let names = try FixtureManifest.names()
    #expect(names.count == 27)
    for name in names {
      let expected = try FixtureManifest.snapshot(of: name)
      let arguments = try ["manifest", "--digests"] + FixtureManifest.arguments(of: name)
      let manifest = try ManifestFile(stage.succeed(arguments).text)
      #expect(manifest.differences(from: expected) == [], "\(name)")
    }
  }

  @Test func `every reference image is extracted whole`() throws {
    for name in try FixtureManifest.names() {
      let target = stage.directory.file(name)
      try stage.succeed(["extract"] + FixtureManifest.arguments(of: name) + [target])
      let extracted = try TreeSnapshot(of: target)
      #expect(
        extracted.differences(from: try FixtureManifest.snapshot(of: name)) == [], "\(name)")
      try FileManager.default.removeItem(atPath: target)
    }
  }

  @Test func `a mount of every reference image shows all of it`() throws {
    for name in try FixtureManifest.names() {
      try stage.succeed(
        ["mount"] + FixtureManifest.arguments(of: name) + [stage.mountPoint])
      let mounted = try TreeSnapshot(of: stage.mountPoint)
      #expect(mounted.differences(from: try FixtureManifest.snapshot(of: name)) == [], "\(name)")
      try stage.succeed("unmount", stage.mountPoint)
    }
  }
}
