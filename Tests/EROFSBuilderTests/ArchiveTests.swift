import EROFSBuilder
import Foundation
import TestSupport
import Testing
import TreeSources

/// Archives of a tree make the image that the tree itself makes.
@Suite(.serialized) struct ArchiveTests {
  private static let tar = ["tar", "--xattrs", "--xattrs-include=*", "--sparse", "--format=pax"]

  @Test(
    arguments: [
      [], ["--sparse-version=0.0"], ["--sparse-version=0.1"], ["--gzip"], ["--xz"],
    ] as [[String]])
  func `a pax archive gives the image of its tree`(options: [String]) throws {
    var generator = SeededGenerator(for: "archive \(options)")
    let tree = try RandomTree(&generator, fileCount: 40)
    let sparse = try URL(filePath: tree.directory.file("tree/!sparse")).creating()
    let file = try FileHandle(forWritingTo: sparse)
    try file.truncate(atOffset: 1_000_000)
    try file.seek(toOffset: 600_000)
    try file.write(contentsOf: Data([1, 2, 3]))
    try file.close()
    let archive = tree.directory.file("archive")
    let command = try Command(Self.tar + options + ["-cf", archive, "-C", tree.path, "."])
    #expect(command.status == 0, "\(command.errors)")
    let wanted = try BuiltImage.build(
      BuildOptions(), of: tree.path, at: tree.directory.file("wanted")
    ).bytes
    let built = try BuiltImage.build(
      BuildOptions(), of: archive, at: tree.directory.file("built")
    ).bytes
    #expect(difference(built, wanted) == nil)
  }

  @Test func `layers are merged, and what they white out is gone`() throws {
    let directory = try TemporaryDirectory()
    let script = """
      set -e
      mkdir -p one/etc one/opaque one/gone two/etc two/opaque three
      echo old > one/etc/file; echo kept > one/etc/kept; echo low > one/opaque/low
      echo x > one/gone/x; echo linked > one/target
      echo new > two/etc/file; : > two/.wh.gone; : > two/opaque/.wh..wh..opq
      echo high > two/opaque/high; chmod 700 two/opaque; : > two/etc/.wh.absent
      mkdir -p layout/blobs/sha256 wanted/etc wanted/opaque
      echo new > wanted/etc/file; echo kept > wanted/etc/kept; echo high > wanted/opaque/high
      echo linked > wanted/target; chmod 700 wanted/opaque
      put() { sum=$(sha256sum < "$1" | cut -c1-64); mv "$1" "layout/blobs/sha256/$sum"; }
      make() { tar --mtime=@0 --owner=0 --group=0 "${@:3}" -C "$1" -cf "$2" .; }
      make one a; gzip -n a; put a.gz; first=$sum; make two b; put b; second=$sum
      printf '{"schemaVersion":2,"layers":[{"digest":"sha256:%s"},{"digest":"sha256:%s"}]}' \\
        "$first" "$second" > m; put m
      printf '{"manifests":[{"digest":"sha256:%s"}]}' "$sum" > layout/index.json
      echo '{"imageLayoutVersion":"1.0.0"}' > layout/oci-layout
      tar -C layout -cf layout.tar .
      make wanted wanted.tar
      """
    let command = try Command(["bash", "-c", script], in: directory.path)
    try #require(command.status == 0, "\(command.errors)")
    let wanted = try BuiltImage.build(
      BuildOptions(), of: directory.file("wanted.tar"), at: directory.file("w")
    ).bytes
    for name in ["layout", "layout.tar"] {
      let built = try BuiltImage.build(
        BuildOptions(), of: directory.file(name), at: directory.file("b")
      ).bytes
      #expect(difference(built, wanted) == nil, "\(name)")
    }
  }

  @Test func `of several trees the later ones win`() throws {
    let directory = try TemporaryDirectory()
    let script = """
      set -e
      mkdir -p one/d two/d wanted/d
      echo 1 > one/d/a; echo 1 > one/d/b; echo 1 > one/c
      echo 2 > two/d/b; mkdir two/c; echo 2 > two/c/e
      echo 1 > wanted/d/a; echo 2 > wanted/d/b; mkdir wanted/c; echo 2 > wanted/c/e
      find . -exec touch -d @0 {} +
      """
    #expect(try Command(["bash", "-c", script], in: directory.path).status == 0)
    let merged = try TreeInput.read(
      merging: [.path(directory.file("one")), .path(directory.file("two"))],
      spool: ArchiveSpool(in: directory.path))
    _ = try ImageBuilder(BuildOptions()).build(merged, to: directory.file("merged"))
    let wanted = try BuiltImage.build(
      BuildOptions(), of: directory.file("wanted"), at: directory.file("w")
    ).bytes
    let built = [UInt8](try Data(contentsOf: URL(filePath: directory.file("merged"))))
    #expect(difference(built, wanted) == nil)
  }
}

extension URL {
  /// The URL of a file that exists, made empty if need be.
  fileprivate func creating() throws -> URL {
    try Data().write(to: self)
    return self
  }
}
