internal import ArgumentParser
internal import Bytes
internal import EROFS
internal import EROFSReader
internal import ImageExport

/// `cullet stat`: all there is to know of one entry.
struct Stat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show one entry of an image, with its layout and extents.",
    discussion: """
      EXAMPLE
        cullet stat image.erofs usr/bin/bash
      """)

  private struct Report: Encodable {
    let entry: ManifestEntry
    let nid: UInt64
    let layout: String
    let fingerprint: String?
    let extents: [ExtentReport]

    func encode(to encoder: any Encoder) throws {
      try entry.encode(to: encoder)
      var container = encoder.container(keyedBy: Keys.self)
      try container.encode(nid, forKey: .nid)
      try container.encode(layout, forKey: .layout)
      try container.encodeIfPresent(fingerprint, forKey: .fingerprint)
      try container.encode(extents, forKey: .extents)
    }

    enum Keys: CodingKey {
      case nid, layout, fingerprint, extents
    }
  }

  private struct ExtentReport: Encodable {
    let offset: UInt64
    let length: UInt64
    let kind: String
    let place: String?
    let storedOffset: UInt64?
    let storedLength: UInt64?
  }

  @OptionGroup var image: ImageOptions
  @Argument(help: "A path in the image.") var path: String
  @Flag(help: "Print one JSON document.") var json = false

  func run() throws {
    try image.withImage { image in
      let inode = try image.requireInode(at: path)
      let entry = try ManifestEntry(
        inode, at: [UInt8](path.utf8), in: image, withAttributes: true, withDigest: false)
      let extents = inode.fileType.hasContent ? try image.extents(of: inode) : []
      let report = Report(
        entry: entry, nid: inode.nid, layout: inode.dataLayout.name,
        fingerprint: try image.fingerprint(of: inode).map { "sha256:\($0.hex)" },
        extents: extents.map(Self.report))
      if json { return try Terminal.printJSON(report) }
      show(report, inode)
    }
  }

  private static func report(_ extent: Extent) -> ExtentReport {
    let isHole = extent.kind == .hole
    return ExtentReport(
      offset: extent.fileOffset, length: extent.byteCount, kind: extent.kind.name,
      place: isHole ? nil : extent.place.name, storedOffset: isHole ? nil : extent.storedOffset,
      storedLength: isHole ? nil : extent.storedByteCount)
  }

  private func show(_ report: Report, _ inode: Inode) {
    let entry = report.entry
    Terminal.print(
      """
      path         \(entry.path)\(entry.target.map { " -> \($0)" } ?? "")
      type         \(entry.type)\(entry.rdev.map { " \($0[0]):\($0[1])" } ?? "")
      mode         \(modeText(inode)) (\(String(entry.mode & 0o7777, radix: 8)))
      owner        \(entry.uid):\(entry.gid)
      links        \(entry.nlink)
      size         \(inode.byteCount)
      modified     \(timeText(entry.mtime))
      inode        \(report.nid), \(inode.isExtended ? "extended" : "compact")
      layout       \(report.layout)
      """)
    if let fingerprint = report.fingerprint { Terminal.print("fingerprint  \(fingerprint)") }
    for (name, value) in (entry.xattrs ?? [:]).sorted(by: { $0.key < $1.key }) {
      Terminal.print("attribute    \(name) = 0x\(value)")
    }
    for extent in report.extents {
      let place = extent.storedOffset.map {
        " at \($0)+\(extent.storedLength ?? 0) of \(extent.place ?? "")"
      }
      Terminal.print(
        "extent       \(extent.offset)+\(extent.length) \(extent.kind)\(place ?? "")")
    }
  }
}
