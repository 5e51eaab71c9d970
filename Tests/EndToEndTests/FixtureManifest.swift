import Foundation
import TestSupport

/// What the kernel showed of a reference image when it was made.
enum FixtureManifest {
  private static func object(_ file: String) throws -> [String: Any] {
    let path = try SharedData.fixtures.get().file("erofs-1.9/\(file)")
    let object = try JSONSerialization.jsonObject(
      with: Data(contentsOf: URL(filePath: path)))
    guard let object = object as? [String: Any] else { throw StageError("\(file) is no object") }
    return object
  }

  /// The names of all reference images, in order.
  static func names() throws -> [String] { try object("index.json").keys.sorted() }

  /// The arguments that name the image `name` to a command.
  static func arguments(of name: String) throws -> [String] {
    let directory = try SharedData.fixtures.get().file("erofs-1.9")
    let device = name == "blobdev" ? ["--device", "\(directory)/blobdev.blob"] : []
    return device + ["\(directory)/\(name).erofs"]
  }

  /// Every entry of the image `name`.
  static func snapshot(of name: String) throws -> TreeSnapshot {
    let description = try object("index.json")[name] as? [String: Any]
    let file = description?["manifest"] as? String ?? ""
    var entries: [[UInt8]: TreeSnapshot.Entry] = [:]
    for (path, fields) in try object(file) {
      guard let fields = fields as? [String: Any] else { throw StageError("\(path) in \(file)") }
      entries[Array(path.utf8)] = ManifestFile.entry(fields)
    }
    return TreeSnapshot(entries: entries)
  }
}
