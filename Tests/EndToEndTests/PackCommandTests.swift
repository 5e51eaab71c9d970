import Foundation
import TestSupport
import Testing

/// `cullet pack` on what cannot be packed: one clear line, the documented exit code, no output.
@Suite(.serialized) struct PackCommandTests {
  private let stage: Stage
  private var tree: String { stage.directory.file("tree") }
  private var image: String { stage.directory.file("out/image.erofs") }

  init() throws {
    stage = try Stage()
    for name in ["out", "tree"] {
      try FileManager.default.createDirectory(
        atPath: stage.directory.file(name), withIntermediateDirectories: false)
    }
    try stage.directory.write(Array("content".utf8), to: "tree/file")
  }

  /// Packs and checks that it fails, and that nothing is left beside where the image would be.
  private func expectFailure(
    _ status: Int32, _ words: String..., packing arguments: [String],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try stage.expectFailure(
      status, words, running: ["pack", "-o", image] + arguments, sourceLocation: sourceLocation)
    #expect(try names(in: "out") == [], sourceLocation: sourceLocation)
  }

  private func names(in directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: stage.directory.file(directory))
  }

  private func run(_ script: String) throws {
    let command = try Command(["bash", "-ec", script], in: stage.directory.path)
    try #require(command.status == 0, "\(command.errors)")
  }

  @Test func `a tree that is not there is no input`() throws {
    try expectFailure(66, "/absent", packing: [stage.directory.file("absent")])
    try expectFailure(66, "/absent", packing: [tree, stage.directory.file("absent")])
    try expectFailure(66, "/absent", packing: ["--base", stage.directory.file("absent"), tree])
    try expectFailure(66, "/absent", packing: ["--hints", stage.directory.file("absent"), tree])
  }

  @Test func `a place where nothing can be created is named`() throws {
    for place in ["absent/image.erofs", "tree/file/image.erofs"] {
      let path = stage.directory.file(place)
      try stage.expectFailure(73, [path], running: ["pack", path, tree])
    }
    try stage.expectFailure(73, [tree], running: ["pack", tree, tree])
    #expect(try names(in: "tree") == ["file"])
  }

  @Test func `what is no regular file is not replaced`() throws {
    let pipe = stage.directory.file("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    try stage.expectFailure(73, [pipe], running: ["pack", pipe, tree])
    var status = stat()
    #expect(lstat(pipe, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
  }

  @Test(.enabled(if: getuid() == 0, "needs root, to be somebody else"))
  func `what may not be read is a matter of permission`() throws {
    try run(
      """
      cp '\(Stage.binary)' cullet; chmod 755 .; chmod 777 out; chmod 600 tree/file
      """)
    let command = try Command(
      [
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
        stage.directory.file("cullet"), "pack", image, tree,
      ])
    Stage.expectFailure(77, ["tree/file", "denied"], of: command)
    #expect(try names(in: "out") == [])
  }

  @Test(.enabled(if: Stage.isPossible, "needs root, to mount"))
  func `a full disk is an I-O error`() throws {
    let small = stage.directory.file("out")
    try run("mount -t tmpfs -o size=1m none '\(small)'; head -c 3000000 /dev/urandom > tree/large")
    defer { _ = try? Command(["umount", small]) }
    for options in [[], ["--compress", "lz4"], ["--chunk-size", "4K"]] {
      try expectFailure(74, "image.erofs", "No space left", packing: options + [tree])
    }
  }

  @Test func `archives that end early are corrupt data`() throws {
    try run(
      """
      head -c 100000 /dev/urandom > tree/large; tar -cf whole.tar tree; gzip -k whole.tar
      head -c 700 whole.tar > header.tar; head -c 60000 whole.tar > content.tar
      head -c 60000 whole.tar.gz > content.tar.gz; : > empty; head -c 5000 /dev/urandom > noise
      xz -k whole.tar; head -c 60000 whole.tar.xz > content.tar.xz
      """)
    for name in ["header.tar", "content.tar", "content.tar.gz", "content.tar.xz", "empty", "noise"]
    {
      try expectFailure(65, name, packing: [stage.directory.file(name)])
    }
    // Standard input is empty.
    try expectFailure(65, "standard input", packing: ["-"])
  }

  /// Makes an OCI layout of `tree`; each `breaking` is a command that spoils it.
  private func makeLayout(breaking command: String = ":") throws -> String {
    try run(
      """
      rm -rf layout; mkdir -p layout/blobs/sha256
      put() { sum=$(sha256sum < "$1" | cut -c1-64); mv "$1" "layout/blobs/sha256/$sum"; }
      tar -C tree -cf layer .; put layer; layer=layout/blobs/sha256/$sum
      printf '{"schemaVersion":2,"layers":[{"digest":"sha256:%s","size":%d}]}' \\
        "$sum" "$(stat -c %s "$layer")" > manifest
      put manifest; manifest=layout/blobs/sha256/$sum
      printf '{"manifests":[{"digest":"sha256:%s"}]}' "$sum" > layout/index.json
      echo '{"imageLayoutVersion":"1.0.0"}' > layout/oci-layout
      \(command)
      """)
    return stage.directory.file("layout")
  }

  @Test func `an OCI layout whose blobs are not what they should be is corrupt data`() throws {
    try stage.succeed("pack", image, try makeLayout())
    try FileManager.default.removeItem(atPath: image)
    try expectFailure(
      65, "another digest", packing: [try makeLayout(breaking: "printf x >> $layer")])
    try expectFailure(
      65, "another digest", packing: [try makeLayout(breaking: "printf ' ' >> $manifest")])
    try expectFailure(65, "missing", packing: [try makeLayout(breaking: "rm $layer")])
    try expectFailure(65, "missing", packing: [try makeLayout(breaking: "rm $manifest")])
    try expectFailure(
      65, "manifest", packing: [try makeLayout(breaking: "echo '{' > layout/index.json")])
    try expectFailure(
      65, "no image",
      packing: [try makeLayout(breaking: "echo '{\"manifests\":[]}' > layout/index.json")])
    try expectFailure(
      65, "md5:00",
      packing: [
        try makeLayout(
          breaking: "echo '{\"manifests\":[{\"digest\":\"md5:00\"}]}' > layout/index.json")
      ])
  }

  @Test(
    arguments: [
      ["--compress", "lz5"], ["--compress", "lz4hc,level=13"], ["--compress", "zstd,level=0"],
      ["--compress", "lz4,level=3"], ["--compress", "zstd,9"], ["--compress", ""],
      ["--compress", "lz4", "--cluster-size", "3000"],
      ["--compress", "lz4", "--cluster-size", "2M"],
      ["--compress", "lz4", "--max-extent", "100"], ["--block-size", "100"],
      ["--block-size", "128K"], ["--chunk-size", "5000"], ["--chunk-size", "1"],
      ["--chunk-size", "4K", "--compress", "lz4"], ["--threads", "0"], ["--threads", "many"],
      ["--uuid", "xyz"], ["--timestamp", "yesterday"], ["--uid", "-1"],
      ["--label", "more than sixteen bytes"], ["--fingerprints", "--fingerprint-name", ""],
      ["--frobnicate"],
    ])
  func `options without meaning are usage errors`(options: [String]) throws {
    try expectFailure(64, packing: options + [tree])
  }

  @Test func `trees that are missing or elsewhere are usage errors`() throws {
    try stage.expectFailure(64, ["tree"], running: ["pack", image])
    try expectFailure(64, "s3://bucket/image", packing: ["s3://bucket/image"])
    try expectFailure(64, "oci://host", packing: ["oci://host"])
    #expect(try names(in: "out") == [])
  }

  @Test func `an image in a registry gives the image of its layers`() throws {
    let layout = try makeLayout()
    try run("cp layout/blobs/sha256/\(try digestOfManifest(in: layout)) v1")
    let server = try ScriptedServer { request in
      let prefix = "/v2/some/image/"
      guard request.target.hasPrefix(prefix) else { return .init(404) }
      let name = request.target.dropFirst(prefix.count)
      let path =
        name == "manifests/v1"
        ? layout + "/../v1"
        : layout + "/blobs/sha256/" + name.dropFirst("blobs/sha256:".count)
      guard let bytes = FileManager.default.contents(atPath: path) else { return .init(404) }
      return .init(200, body: [UInt8](bytes))
    }
    let source = "oci://127.0.0.1:\(server.port)/some/image"
    try stage.succeed("pack", image, layout)
    let pulled = stage.directory.file("pulled.erofs")
    try stage.succeed("pack", pulled, source + ":v1")
    try run("cmp '\(pulled)' '\(image)'; rm '\(image)'")

    try expectFailure(66, source + ":v2", "not found", packing: [source + ":v2"])
    _ = try makeLayout(breaking: "printf x | dd of=$layer conv=notrunc status=none")
    try expectFailure(65, "something else", packing: [source + ":v1"])
    server.stop()
    try expectFailure(69, source, "refused", packing: [source + ":v1"])
  }

  private func digestOfManifest(in layout: String) throws -> String {
    let index = try String(contentsOfFile: layout + "/index.json", encoding: .utf8)
    let digest = try #require(index.firstRange(of: /[0-9a-f]{64}/))
    return String(index[digest])
  }

  @Test func `what docker save writes gives the image of its layers, from a file or a pipe`() throws
  {
    try run(
      """
      mkdir -p one/etc two/etc wanted/etc saved/b1 saved/b2
      echo old > one/etc/file; echo gone > one/gone; echo kept > one/kept
      echo new > two/etc/file; : > two/.wh.gone
      echo new > wanted/etc/file; echo kept > wanted/kept
      make() { tar --mtime=@0 --owner=0 --group=0 -C "$1" -cf "$2" .; }
      make one saved/shared.tar; ln -s ../shared.tar saved/b1/layer.tar
      make two saved/b2/layer.tar; make wanted wanted.tar
      echo '[{"Config":"c.json","RepoTags":["a:b"],"Layers":["b1/layer.tar","b2/layer.tar"]}]' \\
        > saved/manifest.json
      echo '{}' > saved/c.json
      tar -C saved -cf saved.tar b1 b2 c.json manifest.json shared.tar
      """)
    try stage.succeed("pack", image, stage.directory.file("wanted.tar"))
    let saved = stage.directory.file("saved.tar")
    let built = stage.directory.file("built.erofs")
    let pipe = "cat '\(saved)' | '\(Stage.binary)' pack '\(built)' -"
    for script in ["'\(Stage.binary)' pack '\(built)' '\(saved)'", pipe] {
      try run("\(script); cmp '\(built)' '\(image)'; rm '\(built)'")
    }
    try run(
      "sed -i 's/^\\[\\(.*\\)\\]$/[\\1,\\1]/' saved/manifest.json; tar -C saved -cf two.tar .")
    try stage.expectFailure(
      65, ["2 images"], running: ["pack", built, stage.directory.file("two.tar")])
  }
}
