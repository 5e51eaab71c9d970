internal import Foundation

/// One line of a suite's outcome, as JSON and in a table.
struct Row: Encodable {
  let suite: String
  let `case`: String
  let ours: Double
  let other: Double?
  let otherName: String?
  let unit: String
  /// How many times better ours is than the other: above 1 is better for us; nil without another.
  let ratio: Double?
  /// The wanted ratio; or, where there is no other to compare with, the wanted value of ours.
  let goal: Double?
  let met: Bool?

  private enum Key: CodingKey {
    case suite, `case`, ours, other, otherName, unit, ratio, goal, met
  }

  init(suite: String, _ series: Series, goal: Double?) {
    let (ours, other) = (series.ours.median, series.other.isEmpty ? nil : series.other.median)
    let isRate = series.unit.isRate
    let ratio = other.map { isRate ? ours / $0 : $0 / ours }
    self.suite = suite
    self.case = series.name
    self.ours = ours
    self.other = other
    self.ratio = ratio
    self.goal = goal
    unit = series.unit.rawValue
    otherName = other == nil ? nil : series.otherName
    met = goal.map { goal in
      if let ratio { return ratio >= goal }
      return isRate ? ours >= goal : ours <= goal
    }
  }

  func encode(to encoder: any Encoder) throws {
    // By hand, so that what is absent is null and every row has every key.
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(suite, forKey: .suite)
    try container.encode(`case`, forKey: .case)
    try container.encode(ours, forKey: .ours)
    try container.encode(other, forKey: .other)
    try container.encode(otherName, forKey: .otherName)
    try container.encode(unit, forKey: .unit)
    try container.encode(ratio, forKey: .ratio)
    try container.encode(goal, forKey: .goal)
    try container.encode(met, forKey: .met)
  }

  /// `rows` for people, a Markdown table at the same time.
  static func table(_ rows: [Row]) -> String {
    let head = ["case", "ours", "other", "unit", "ratio", "goal", "met", "other is"]
    let lines = rows.map { row in
      [
        row.case, number(row.ours), number(row.other), row.unit, number(row.ratio),
        number(row.goal), row.met.map { $0 ? "yes" : "no" } ?? "", row.otherName ?? "",
      ]
    }
    let widths = head.indices.map { column in
      ([head] + lines).map { $0[column].count }.max() ?? 0
    }
    let rule = widths.enumerated().map { column, width in
      String(repeating: "-", count: width - 1) + (isNumber(column) ? ":" : "-")
    }
    return ([head, rule] + lines).map { cells in
      let padded = zip(cells, widths).enumerated().map { column, cell in
        let space = String(repeating: " ", count: cell.1 - cell.0.count)
        return isNumber(column) ? space + cell.0 : cell.0 + space
      }
      return "| " + padded.joined(separator: " | ") + " |"
    }.joined(separator: "\n")
  }

  private static func isNumber(_ column: Int) -> Bool { [1, 2, 4, 5].contains(column) }

  /// Three significant digits, more before the point only.
  private static func number(_ value: Double?) -> String {
    guard let value else { return "" }
    let digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3
    return String(format: "%.\(digits)f", value)
  }
}
