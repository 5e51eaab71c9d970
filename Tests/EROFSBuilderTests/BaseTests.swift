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
  /// Changes a file, adds one, and removes a directory, of many that stay as they are; returns how
  /// many bytes the two hold now.
  private static func change(_ tree: String) throws -> UInt64 {
    let script = """
      rm -rf "$0/many"; first=$(find "$0" -type f | sort | head -n 1)
      echo changed > "$0/new"; echo more >> "$first"; cat "$0/new" "$first" | wc -c
      """
    let command = try Command(["bash", "-c", script, tree])
    return try #require(UInt64(command.text.trimmingCharacters(in: .whitespacesAndNewlines)))
  }

  /// Gives every file the same time, so that no inode grows when others go and its tail, which has
  /// to be stored anew then, stays beside it.
  private static func setTimes(of tree: String) throws {
    let command = try Command(
      ["find", tree, "-exec", "touch", "-h", "-d", "@1000000000", "{}", "+"])
    #expect(command.status == 0, "\(command.errors)")
  }

  @Test(arguments: (OptionCase.all + OptionCase.zstd).filter { $0.options.blockSizeBits == 12 })
  func `a patch shows the new tree and stores only what changed`(_ option: OptionCase) throws {
    var generator = SeededGenerator(for: "base \(option.testDescription)")
    let tree = try RandomTree(&generator)
    let directory = tree.directory
    let old = directory.file("old")
    try Self.setTimes(of: tree.path)
    let oldBytes = try BuiltImage.build(option.options, of: tree.path, at: old).bytes
    let changedByteCount = try Self.change(tree.path)
    try Self.setTimes(of: tree.path)

    let base = try BaseImage(Image(source: MemorySource(oldBytes)))
    let source = try TreeInput.read(
      merging: [.path(tree.path)], spool: ArchiveSpool(in: directory.path))
    let patch = directory.file("patch")
    let summary = try ImageBuilder(option.options, base: base).build(source, to: patch)
    #expect(summary.dedupSavedBytes > 0 && summary.uniqueBytes <= changedByteCount)

    let bytes = [UInt8](try Data(contentsOf: URL(filePath: patch)))
    let wanted = try TreeSnapshot(of: tree.path)
    let image = try Image(source: MemorySource(bytes), devices: [MemorySource(oldBytes)])
    for (name, digest) in try BuiltImage.digests(of: image) {
      #expect(digest == wanted.entries[name]?.sha256, "\(FileName(name).text)")
    }
    guard KernelImages.canMount else { return }
    let shown = try KernelImages.snapshot(
      of: patch, device: old, at: directory.file("mnt"))
    #expect(shown.differences(from: wanted) == [])
  }
}
