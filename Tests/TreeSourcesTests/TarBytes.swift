/// Bytes of tar archives, made by hand so that they can be wrong.
enum TarBytes {
  /// What an archive ends with.
  static let end = [UInt8](repeating: 0, count: 1024)

  /// A ustar header of an entry, its checksum in place; `sizeField` replaces the size's 12 bytes.
  static func header(
    _ name: String, type: String = "0", size: Int = 0, link: String = "",
    sizeField: [UInt8]? = nil, change: (inout [UInt8]) -> Void = { _ in }
  ) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, _ offset: Int) {
      block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
    }
    put(name, 0)
    put("0000644\0", 100)
    put("0000000\0", 108)
    put("0000000\0", 116)
    put(String(size, radix: 8), 124)
    if let sizeField { block.replaceSubrange(124..<136, with: sizeField) }
    put("0", 136)
    put("        ", 148)
    put(type, 156)
    put(link, 157)
    put("ustar\u{0}00", 257)
    change(&block)
    let sum = block.reduce(0) { $0 + Int($1) }
    put(String(sum, radix: 8) + "\0", 148)
    return block
  }

  /// An entry with content.
  static func file(_ name: String, _ content: [UInt8], type: String = "0") -> [UInt8] {
    header(name, type: type, size: content.count) + content
      + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
  }

  static func file(_ name: String, _ content: String) -> [UInt8] {
    file(name, Array(content.utf8))
  }

  /// An extended header with one record.
  static func record(_ keyword: String, _ value: String, type: String = "x") -> [UInt8] {
    let rest = " \(keyword)=\(value)\n"
    var count = rest.utf8.count
    while "\(count)\(rest)".utf8.count != count { count = "\(count)\(rest)".utf8.count }
    return file("header", Array("\(count)\(rest)".utf8), type: type)
  }

  /// An archive as `docker save` writes it, of an image with `layers`.
  static func savedImage(_ layers: [[UInt8]]) -> [UInt8] {
    let names = layers.indices.map { "\"\($0)/layer.tar\"" }.joined(separator: ",")
    let files = layers.indices.map { file("\($0)/layer.tar", layers[$0] + end) }
    return files.joined() + file("manifest.json", "[{\"Layers\":[\(names)]}]") + end
  }
}
