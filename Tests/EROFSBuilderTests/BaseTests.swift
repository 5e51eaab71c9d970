import Bytes
import EROFS
import EROFSBuilder
import EROFSReader
import Foundation
import TestSupport
import Testing
import TreeSources

/// Images that are patches of others.
@Suite(.serialized) struct BaseTests {
  /// Changes a file, adds one, and removes a directory, of many that stay as they are.
  private static func change(_ tree: String, _ directory: TemporaryDirectory) throws {
    let script = """
      echo changed > "$0/new"; rm -rf "$0/many"; echo more >> "$(find "$0" -type f | sort | head -n 1)"
      """
    #expect(try Command(["bash", "-c", script, tree]).status == 0)
  }

  @Test(arguments: OptionCase.all.filter { $0.options.blockSizeBits == 12 })
  func `a patch shows the new tree and stores only what changed`(_ option: OptionCase) throws {
    var generator = SeededGenerator(for: "base \(option.testDescription)")
    let tree = try RandomTree(&generator)
    let directory = tree.directory
    let old = directory.file("old")
    let oldBytes = try BuiltImage.build(option.options, of: tree.path, at: old).bytes
    try Self.change(tree.path, directory)

    let base = try BaseImage(Image(source: MemorySource(oldBytes)))
    let source = try TreeInput.read(merging: [tree.path], spoolDirectory: directory.path)
    let patch = directory.file("patch")
    let summary = try ImageBuilder(option.options, base: base).build(source, to: patch)
    #expect(summary.dedupSavedBytes > 0 && summary.uniqueBytes < summary.bytes / 2)

    let bytes = [UInt8](try Data(contentsOf: URL(filePath: patch)))
    let wanted = try TreeSnapshot(of: tree.path)
    let image = try Image(source: MemorySource(bytes), devices: [MemorySource(oldBytes)])
    for (name, digest) in try BuiltImage.digests(of: image) {
      #expect(digest == wanted.entries[name]?.sha256, "\(FileName(name).text)")
    }
    guard BuiltImage.canMount else { return }
    let shown = try BuiltImage.kernelSnapshot(of: patch, device: old, directory)
    #expect(shown.differences(from: wanted) == [])
  }
}
