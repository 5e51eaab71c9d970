internal import Bytes
internal import FoundationEssentials

/// A container image in a tree of files: an OCI layout, or what `docker save` writes.
struct ContainerImage {
  private struct SavedImage: Decodable {
    enum CodingKeys: String, CodingKey {
      case layers = "Layers"
    }

    var layers: [String]
  }

  /// Manifests are text of a few KiB; nobody's has this much.
  private static let documentByteCountLimit: UInt64 = 16 << 20

  private let files: SourceTree
  private let name: String

  /// The image that `files` hold, or nil when they hold none.
  ///
  /// Only archives are taken for what `docker save` writes: many a directory has a manifest.json.
  static func layers(
    in files: SourceTree, isArchive: Bool, name: String
  ) throws(TreeSourceError) -> [FileContent]? {
    let image = ContainerImage(files: files, name: name)
    if files.node(at: [FileName("oci-layout")]) != nil,
      files.node(at: [FileName("index.json")]) != nil
    {
      guard let content = image.content(at: "index.json") else {
        throw TreeSourceError(.malformed("index.json is no file"), name)
      }
      return try image.layers(from: ImageManifest(decoding: image.bytes(of: content), name: name))
    }
    guard isArchive, let content = image.content(at: "manifest.json"),
      let saved = try? JSONDecoder().decode([SavedImage].self, from: Data(image.bytes(of: content)))
    else { return nil }
    guard saved.count == 1 else {
      throw TreeSourceError(.unsupported("an archive of \(saved.count) images"), name)
    }
    return try saved[0].layers.map { path throws(TreeSourceError) in
      guard let layer = image.content(at: path) else {
        throw TreeSourceError(.malformed("the layer \(path) is missing"), name)
      }
      return layer
    }
  }

  /// The layers to which `manifest` leads.
  private func layers(from start: ImageManifest) throws(TreeSourceError) -> [FileContent] {
    var manifest = start
    for _ in 0...ImageManifest.nestingLimit {
      switch manifest {
      case .layers(let layers):
        return try layers.map { layer throws(TreeSourceError) in try blob(layer.digest) }
      case .manifest(let next):
        manifest = try ImageManifest(decoding: bytes(of: try blob(next.digest)), name: name)
      }
    }
    throw TreeSourceError(.malformed("an index names an index, again and again"), name)
  }

  /// The file that has `digest`.
  private func blob(_ digest: String) throws(TreeSourceError) -> FileContent {
    let parts = digest.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0] == "sha256" else {
      throw TreeSourceError(.unsupported("the digest \(digest)"), name)
    }
    guard let content = content(at: "blobs/sha256/\(parts[1])") else {
      throw TreeSourceError(.malformed("the blob \(digest) is missing"), name)
    }
    guard try content.digest().hex == parts[1] else {
      throw TreeSourceError(.malformed("the blob \(digest) has another digest"), name)
    }
    return content
  }

  /// The regular file at `path`, through one symbolic link: `docker save` makes such of layers that
  /// images share.
  private func content(at path: String, followsLink: Bool = true) -> FileContent? {
    let names = path.split(separator: "/").map { FileName(String($0)) }
    guard let index = files.node(at: names) else { return nil }
    switch files.nodes[index].content {
    case .regular(let content): return content
    case .symbolicLink(let target) where followsLink:
      var parts = names.dropLast().map(\.text)
      for part in FileName(target).text.split(separator: "/") where part != "." {
        if part == ".." { _ = parts.popLast() } else { parts.append(String(part)) }
      }
      return content(at: parts.joined(separator: "/"), followsLink: false)
    default: return nil
    }
  }

  private func bytes(of content: FileContent) throws(TreeSourceError) -> [UInt8] {
    guard content.byteCount <= Self.documentByteCountLimit else {
      throw TreeSourceError(.malformed("a manifest of \(content.byteCount) bytes"), name)
    }
    var bytes = [UInt8](repeating: 0, count: Int(content.byteCount))
    var span = bytes.mutableRawSpan
    try content.open().read(into: &span, at: 0)
    return bytes
  }
}
