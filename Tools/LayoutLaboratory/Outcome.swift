internal import Foundation

/// What one layout did with the workload.
struct Outcome: Encodable {
  let layout: String
  /// Of the fills, until all are durable.
  var fillMegabytesPerSecond = 0.0
  /// Median of a read again, from the page cache if the layout uses it.
  var readMicroseconds = 0.0
  /// Opens, and other calls on names, attributes and holes, for a thousand fills.
  var opensPerThousandFills = 0.0
  var otherMetadataCallsPerThousandFills = 0.0
  /// The same for a thousand reads.
  var opensPerThousandReads = 0.0
  var otherMetadataCallsPerThousandReads = 0.0
  /// Bytes that reached the device during the fills for each byte filled, the journal's too.
  var writeAmplification = 0.0
  /// Flushes that reached the device during the fills.
  var flushCount = 0
  /// Every twelfth object changed, its blocks dropped and filled again.
  var changeMilliseconds = 0.0
  /// Half of the blocks freed, durably.
  var cullMilliseconds = 0.0
  var cullMetadataCallCount = 0
  var cullMegabytesWritten = 0.0
  /// After a killed process, until every object is bound.
  var openMilliseconds = 0.0
  var indexKibibytes = 0.0

  private var lines: [(String, Double)] {
    [
      ("durable fills, MB/s", fillMegabytesPerSecond),
      ("read again, µs", readMicroseconds),
      ("opens per 1000 fills", opensPerThousandFills),
      ("other metadata calls per 1000 fills", otherMetadataCallsPerThousandFills),
      ("opens per 1000 reads", opensPerThousandReads),
      ("other metadata calls per 1000 reads", otherMetadataCallsPerThousandReads),
      ("write amplification of the fills", writeAmplification),
      ("flushes during the fills", Double(flushCount)),
      ("50 objects changed, ms", changeMilliseconds),
      ("cull of half, ms", cullMilliseconds),
      ("metadata calls of the cull", Double(cullMetadataCallCount)),
      ("written by the cull, MB", cullMegabytesWritten),
      ("open after a crash, ms", openMilliseconds),
      ("index in memory, KiB", indexKibibytes),
    ]
  }

  /// `outcomes` for people, a Markdown table at the same time: a column each.
  static func table(_ outcomes: [Outcome]) -> String {
    guard let first = outcomes.first else { return "" }
    var rows = [[""] + outcomes.map(\.layout)]
    for (index, line) in first.lines.enumerated() {
      rows.append([line.0] + outcomes.map { number($0.lines[index].1) })
    }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    let rule = widths.enumerated().map { column, width in
      String(repeating: "-", count: width - 1) + (column == 0 ? "-" : ":")
    }
    rows.insert(rule, at: 1)
    return rows.map { cells in
      let padded = zip(cells, widths).enumerated().map { column, cell in
        let space = String(repeating: " ", count: cell.1 - cell.0.count)
        return column == 0 ? cell.0 + space : space + cell.0
      }
      return "| " + padded.joined(separator: " | ") + " |"
    }.joined(separator: "\n")
  }

  private static func number(_ value: Double) -> String {
    String(format: value >= 100 || value == 0 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value)
  }
}
