internal import PageTier

/// Two versions of an image read fully through one tier, with sharing off and on.
struct PairSharing {
  /// More than the largest pair holds.
  private static let budgetByteCount = 4 << 30

  let stage: Stage
  let corpus: String
  /// Where to draw what was seen; nil for nowhere.
  let picture: String?

  func measure() throws -> [(Series, Double?)] {
    var rows: [(Series, Double?)] = []
    var bars: [SharingPicture.Bars] = []
    for pair in try CorpusPair.all(in: corpus) {
      note("\(pair.first) and \(pair.second)")
      let paths = try [pair.first, pair.second].map {
        try CorpusPair.packed($0, in: corpus, on: stage)
      }
      let none = try residentByteCount(paths, sharesFiles: false, sharesContent: false)
      let files = try residentByteCount(paths, sharesFiles: true, sharesContent: false)
      let pages = try residentByteCount(paths, sharesFiles: true, sharesContent: true)
      let name = "\(pair.first)+\(pair.second.suffix(1))"
      note(
        "\(name): \(mebibytes(none)) MiB without sharing, \(mebibytes(files)) with files shared, "
          + "\(mebibytes(pages)) with pages shared; the letter saved \(pair.letterSaving ?? "-")")
      bars.append(
        .init(
          pair: name, none: mebibytes(none), files: mebibytes(files), pages: mebibytes(pages)))
      rows.append(
        (row(name, "files shared", files, of: none, ideal: pair.idealFileSaving), 0.99))
      rows.append(
        (row(name, "pages shared", pages, of: none, ideal: pair.idealPageSaving), 0.98))
    }
    if let picture { try SharingPicture(bars: bars).write(to: picture) }
    return rows
  }

  private func row(
    _ pair: String, _ what: String, _ byteCount: Int, of whole: Int, ideal: Double
  ) -> Series {
    var series = Series("\(pair), \(what)", unit: .saving, otherName: "ideal, analyze.py")
    series.ours = [1 - Double(byteCount) / Double(whole)]
    series.other = [ideal]
    return series
  }

  private func residentByteCount(
    _ paths: [String], sharesFiles: Bool, sharesContent: Bool
  ) throws -> Int {
    var options = TierOptions(byteCountMax: Self.budgetByteCount)
    options.sharesFiles = sharesFiles
    options.sharesContent = sharesContent
    let images = try TierImages(options)
    for (index, path) in paths.enumerated() {
      try images.add(path)
      try images.readAll(index)
    }
    let statistics = images.tier.statistics
    guard statistics.residentByteCount < Self.budgetByteCount - (4 << 20) else {
      throw StageError("the pair does not fit into the budget, so nothing can be said")
    }
    return statistics.residentByteCount
  }

  private func mebibytes(_ byteCount: Int) -> Int { byteCount >> 20 }
}
