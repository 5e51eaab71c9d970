internal import ArgumentParser

/// A byte count as people write it: a number with K, M, G or T, powers of 1024.
struct ByteSize: ExpressibleByArgument {
  let byteCount: UInt64

  init(byteCount: UInt64) {
    self.byteCount = byteCount
  }

  init?(argument: String) {
    guard
      let byteCount = scaled(
        argument, by: ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40])
    else { return nil }
    self.byteCount = byteCount
  }

  var defaultValueDescription: String { sizeText(byteCount) }
}

/// A duration as people write it: a number with s, m, h or d.
struct Age: ExpressibleByArgument {
  let seconds: UInt64

  init?(argument: String) {
    guard let seconds = scaled(argument, by: ["S": 1, "M": 60, "H": 3600, "D": 86_400]) else {
      return nil
    }
    self.seconds = seconds
  }
}

/// The number in `text`, times what its last letter stands for; nil when it is none or too large.
private func scaled(_ text: String, by units: [Character: UInt64]) -> UInt64? {
  guard let last = text.uppercased().last else { return nil }
  let unit = units[last]
  guard let number = UInt64(unit == nil ? text[...] : text.dropLast()) else { return nil }
  let (product, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
  return overflow ? nil : product
}

/// `byteCount` in the unit that people would pick, with one decimal below ten.
func sizeText(_ byteCount: UInt64) -> String {
  var (whole, rest, unit) = (byteCount, UInt64(0), 0)
  while whole >= 1024 {
    (whole, rest) = whole.quotientAndRemainder(dividingBy: 1024)
    unit += 1
  }
  let names = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
  return whole < 10 && unit > 0
    ? "\(whole).\(rest * 10 / 1024) \(names[unit])" : "\(whole) \(names[unit])"
}

/// `byteCount` in MiB with one decimal, for columns.
func mebibyteText(_ byteCount: UInt64) -> String {
  let (whole, rest) = byteCount.quotientAndRemainder(dividingBy: 1 << 20)
  let tenths = (rest * 10 + 1 << 19) >> 20
  return tenths == 10 ? "\(whole + 1).0 MiB" : "\(whole).\(tenths) MiB"
}

/// `share`, from 0 to 1, in percent with one decimal.
func percentText(_ share: Double) -> String {
  let tenths = Int((share * 1000).rounded())
  return "\(tenths / 10).\(tenths % 10) %"
}

/// `count` and `noun`, with an s unless there is one.
func counted(_ count: Int, _ noun: String) -> String {
  "\(count) \(noun)\(count == 1 ? "" : "s")"
}

/// `text` with spaces in front, `width` characters in all.
func padded(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.count)) + text
}
