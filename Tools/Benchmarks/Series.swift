/// What one case measured in all runs.
struct Series {
  /// What a figure counts, and thereby whether more is better.
  enum Unit: String {
    case megabytesPerSecond = "MB/s"
    case readsPerSecond = "reads/s"
    case seconds = "s"
    case milliseconds = "ms"
    case microseconds = "µs"
    case nanoseconds = "ns"
    case bytes = "B"
    case flushes
    case slotsPerSecond = "slots/s"
    case inodesPerSecond = "inodes/s"
    /// Misses out of all accesses.
    case missRatio = "miss ratio"
    /// Memory that need not be there, out of what was without sharing.
    case saving
    /// Of something that the name tells.
    case part = "of 1"

    var isRate: Bool {
      switch self {
      case .megabytesPerSecond, .readsPerSecond, .slotsPerSecond, .inodesPerSecond,
        .saving:
        true
      default: false
      }
    }
  }

  let name: String
  let unit: Unit
  let otherName: String
  var ours: [Double] = []
  var other: [Double] = []

  init(_ name: String, unit: Unit, otherName: String = "") {
    self.name = name
    self.unit = unit
    self.otherName = otherName
  }
}

extension [Double] {
  /// The middle value, or the mean of the two in the middle; not a number when empty.
  var median: Double {
    let sorted = self.sorted()
    guard !sorted.isEmpty else { return .nan }
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
  }
}
