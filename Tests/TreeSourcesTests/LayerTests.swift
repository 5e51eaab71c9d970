import Bytes
import Foundation
import TestSupport
import Testing
import TreeSources

/// What layers of a container image do to those below them.
@Suite struct LayerTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func merge(_ layers: [UInt8]...) throws -> SourceTree {
    let path = try directory.write(TarBytes.savedImage(layers), to: "image.tar")
    return try TreeInput.read(merging: [.path(path)], spool: ArchiveSpool(in: directory.path))
  }

  private func node(_ path: String, _ tree: SourceTree) -> Int? {
    tree.node(at: path.split(separator: "/").map { FileName(String($0)) })
  }

  private func size(_ path: String, _ tree: SourceTree) throws -> UInt64 {
    let index = try #require(node(path, tree), "\(path)")
    guard case .regular(let content) = tree.nodes[index].content else { return 0 }
    return content.byteCount
  }

  private func link(_ path: String, to target: String) -> [UInt8] {
    TarBytes.header(path, type: "1", link: target)
  }

  @Test func `a hard link may lead to a file of a layer below`() throws {
    let tree = try merge(TarBytes.file("a/file", "x"), link("b/link", to: "a/file"))
    #expect(node("b/link", tree) == node("a/file", tree))
  }

  @Test func `a hard link may lead to another that leads below`() throws {
    let tree = try merge(
      TarBytes.file("file", "x"), link("one", to: "file") + link("two", to: "one"))
    #expect(try size("two", tree) == 1)
    #expect(node("two", tree) == node("file", tree))
  }

  @Test func `what comes later in a layer replaces a hard link`() throws {
    let tree = try merge(
      TarBytes.file("file", "x"), link("entry", to: "file") + TarBytes.file("entry", "later"))
    #expect(try size("entry", tree) == 5)
  }

  @Test func `a hard link replaces what came earlier in its layer`() throws {
    let tree = try merge(
      TarBytes.file("file", "x"), TarBytes.file("entry", "early") + link("entry", to: "file"))
    #expect(try size("entry", tree) == 1)
  }

  @Test func `hard links to what is absent, removed or a whiteout are errors`() {
    let below = TarBytes.file("file", "x") + TarBytes.header("dir", type: "5")
    for target in ["absent", ".wh.file", "dir"] {
      #expect(throws: TreeSourceError.self) { _ = try merge(below, link("link", to: target)) }
    }
    #expect(throws: TreeSourceError.self) {
      _ = try merge(below, TarBytes.header(".wh.file") + link("link", to: "file"))
    }
    #expect(throws: TreeSourceError.self) { _ = try merge(link("link", to: "absent")) }
  }

  @Test func `whiteouts act on layers below only, and nowhere else`() throws {
    let tree = try merge(
      TarBytes.file("d/kept", "1") + TarBytes.file("d/gone", "2") + TarBytes.file("e/x", "3"),
      TarBytes.file("d/.wh.gone", "") + TarBytes.file("d/gone", "new")
        + TarBytes.file("e/.wh.x", "")
        + TarBytes.file(".wh..", "") + TarBytes.file(".wh...", "") + TarBytes.file(".wh.", "")
        + TarBytes.file("absent/.wh.x", "") + TarBytes.file(".wh..wh.aufs", ""))
    #expect(try size("d/kept", tree) == 1)
    #expect(try size("d/gone", tree) == 3)
    #expect(node("e", tree) != nil && node("e/x", tree) == nil)
  }

  @Test func `an opaque directory hides what is below, whatever the order in its layer`() throws {
    let marker = TarBytes.file("d/.wh..wh..opq", "")
    let own = TarBytes.file("d/own", "1")
    for layer in [marker + own, own + marker] {
      let tree = try merge(TarBytes.file("d/low", "2") + TarBytes.file("d/sub/x", "3"), layer)
      #expect(try size("d/own", tree) == 1)
      #expect(node("d/low", tree) == nil && node("d/sub", tree) == nil)
    }
    let root = try merge(TarBytes.file("low", "2"), TarBytes.file(".wh..wh..opq", "") + own)
    #expect(node("low", root) == nil && node("d/own", root) != nil)
  }

  @Test func `files replace directories, and directories files`() throws {
    let tree = try merge(
      TarBytes.file("a/x", "1") + TarBytes.file("b", "2"),
      TarBytes.file("a", "333") + TarBytes.file("b/y", "4444"))
    #expect(try size("a", tree) == 3)
    #expect(try size("b/y", tree) == 4)
  }
}
