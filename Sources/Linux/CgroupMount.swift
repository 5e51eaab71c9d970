/// A line of /proc/self/mountinfo that mounts a tree of cgroups.
struct CgroupMount {
  /// The group that is seen at ``point``.
  let root: String
  let point: String
  let isUnified: Bool
  /// For v1 among them are the controllers of the tree.
  let options: [String]

  /// Nil for mounts of anything else, and for lines that make no sense.
  init?(line: some Sequence<UInt8>) {
    let fields = Array(line).split(separator: UInt8(ascii: " "))
    // After six fields come optional ones up to a dash, then type, source and options.
    guard let dash = fields.dropFirst(6).firstIndex(of: [UInt8(ascii: "-")]),
      fields.count >= dash + 4
    else { return nil }
    switch String(decoding: fields[dash + 1], as: UTF8.self) {
    case "cgroup": isUnified = false
    case "cgroup2": isUnified = true
    default: return nil
    }
    root = Self.unescaped(fields[3])
    point = Self.unescaped(fields[4])
    guard root.hasPrefix("/"), point.hasPrefix("/") else { return nil }
    options = fields[dash + 3].split(separator: UInt8(ascii: ",")).map { option in
      String(decoding: option, as: UTF8.self)
    }
  }

  /// Where the group `path` is seen; nil when it is not below ``root``.
  func directory(of path: String) -> String? {
    let names = path.split(separator: "/")
    // Groups beside one's namespace are shown by way of "..".
    guard !names.contains("..") else { return nil }
    let rootNames = root.split(separator: "/")
    guard names.starts(with: rootNames) else { return nil }
    let rest = names.dropFirst(rootNames.count)
    return rest.isEmpty ? point : ([point] + rest.map(String.init)).joined(separator: "/")
  }

  /// `field` with octal escapes (`\040` for a space) as what they stand for.
  private static func unescaped(_ field: some Collection<UInt8>) -> String {
    let field = Array(field)
    var bytes: [UInt8] = []
    var position = 0
    while position < field.count {
      let digits = field[min(position + 1, field.count)..<min(position + 4, field.count)]
      if field[position] == UInt8(ascii: "\\"), digits.count == 3,
        let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
      {
        bytes.append(code)
        position += 4
      } else {
        bytes.append(field[position])
        position += 1
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
