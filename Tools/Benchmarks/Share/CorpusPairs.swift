internal import Foundation
internal import Linux

/// Two versions of an image, and what an independent analysis says that sharing could save.
struct CorpusPair {
  /// "redis.A" and "redis.B".
  let first: String
  let second: String
  /// The part of the pages that need not be there, when files are shared, and when pages are too.
  let idealFileSaving: Double
  let idealPageSaving: Double

  /// What the page-cache-sharing letter saw for the same software; nil when it has no such row.
  var letterSaving: String? {
    switch first.prefix(while: { $0 != "." }) {
    case "redis": "33 %"
    case "postgres": "28 %"
    case "tf211", "tf215": "16 %"
    case "mariadb": "21 %"
    case "nginx": "44 %"
    case "tomcat": "49 %"
    default: nil
    }
  }

  /// All pairs whose images lie in `corpus`, by name, out of its analysis/report.json.
  static func all(in corpus: String) throws -> [CorpusPair] {
    let path = "\(corpus)/analysis/report.json"
    let data = try Data(contentsOf: URL(filePath: path))
    let report = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    guard let rows = report?["pairs"] as? [[String: Any]] else {
      throw StageError("\(path) lists no pairs")
    }
    return try rows.map { row in
      guard let first = row["x"] as? String, let second = row["y"] as? String,
        let file = row["save_file"] as? Double, let page = row["save_4K-0"] as? Double
      else { throw StageError("\(path) has an incomplete row") }
      return CorpusPair(
        first: first, second: second, idealFileSaving: file, idealPageSaving: page)
    }.filter { pair in
      [pair.first, pair.second].allSatisfy {
        FileManager.default.fileExists(atPath: plainImage($0, in: corpus))
      }
    }
  }

  private static func plainImage(_ name: String, in corpus: String) -> String {
    "\(corpus)/images/\(name).plain.erofs"
  }

  /// The image `name` of the corpus as `cullet pack` makes it, with fingerprints and LZ4; made when
  /// it is asked for first.
  static func packed(_ name: String, in corpus: String, on stage: Stage) throws -> String {
    let path = "\(corpus)/packed/\(name).erofs"
    if FileManager.default.fileExists(atPath: path) { return path }
    note("packing \(name)")
    try FileManager.default.createDirectory(
      atPath: "\(corpus)/packed", withIntermediateDirectories: true)
    try stage.withKernelMount(of: plainImage(name, in: corpus)) { _ in
      try stage.cullet(
        cache: "none", "pack", "--quiet", "--fingerprints", "--compress", "lz4", "-o",
        "\(path).partial", stage.kernelPoint)
    }
    try FileManager.default.moveItem(atPath: "\(path).partial", toPath: path)
    return path
  }
}
