internal import Linux
internal import TestSupport

/// One reader: each step looks at one thing in both trees in one way.
struct RandomReader {
  private let trees: [ComparedTree]
  private var generator: SeededGenerator
  /// Files that stay open over many steps.
  private var held: [(ours: OpenFile, other: OpenFile, path: String)] = []

  init(trees: [ComparedTree], seed: UInt64) {
    self.trees = trees
    generator = SeededGenerator(seed: seed)
  }

  /// What differed; nil when nothing did.
  mutating func step() -> String? {
    let tree = trees[Int.random(in: 0..<trees.count, using: &generator)]
    switch Int.random(in: 0..<100, using: &generator) {
    case 0..<25: return compareWhole(tree)
    case 25..<45: return compareRanges(tree)
    case 45..<60: return compareMapped(tree)
    case 60..<70: return compareHeld(tree)
    case 70..<80: return compare(tree, tree.directories, "listing", Observation.names)
    case 80..<90: return compare(tree, tree.files, "status", Observation.status)
    case 90..<95: return compare(tree, tree.files, "attributes", Observation.attributes)
    default: return compare(tree, tree.links, "target", Observation.target)
    }
  }

  private mutating func compare(
    _ tree: ComparedTree, _ paths: [String], _ what: String, _ look: (String) -> [UInt8]
  ) -> String? {
    guard let path = paths.randomElement(using: &generator) else { return nil }
    return look(tree.ours + path) == look(tree.other + path) ? nil : "\(path): \(what) differs"
  }

  /// A file of both sides, for `body` to compare; what is said of a failure is a difference, too.
  private mutating func withFile(
    of tree: ComparedTree, _ body: (inout RandomReader, OpenFile, OpenFile, String) -> String?
  ) -> String? {
    guard let path = tree.files.randomElement(using: &generator) else { return nil }
    do throws(SystemError) {
      return body(&self, try OpenFile(tree.ours + path), try OpenFile(tree.other + path), path)
    } catch {
      return "\(error)"
    }
  }

  private mutating func compareWhole(_ tree: ComparedTree) -> String? {
    withFile(of: tree) { (_, ours, other, path) in
      let length = min(other.byteCount, 4 << 20)
      return ours.byteCount == other.byteCount
        && ours.bytes(at: 0, count: length) == other.bytes(at: 0, count: length)
        ? nil : "\(path): content differs"
    }
  }

  private mutating func compareRanges(_ tree: ComparedTree) -> String? {
    withFile(of: tree) { (reader, ours, other, path) in
      for _ in 0..<8 {
        if let difference = reader.compareRange(ours, other, path) { return difference }
      }
      return nil
    }
  }

  private mutating func compareRange(
    _ ours: OpenFile, _ other: OpenFile, _ path: String
  ) -> String? {
    let offset = Int.random(in: 0...other.byteCount, using: &generator)
    let count = Int.random(in: 1...100_000, using: &generator)
    return ours.bytes(at: offset, count: count) == other.bytes(at: offset, count: count)
      ? nil : "\(path): \(count) bytes from \(offset) on differ"
  }

  private mutating func compareMapped(_ tree: ComparedTree) -> String? {
    withFile(of: tree) { (reader, ours, other, path) in
      guard other.byteCount > 0 else { return nil }
      for _ in 0..<8 {
        let page = Int.random(in: 0...(other.byteCount - 1) / 4096, using: &reader.generator)
        if ours.mappedPage(page) != other.bytes(at: page * 4096, count: 4096) {
          return "\(path): mapped page \(page) differs"
        }
      }
      return nil
    }
  }

  private mutating func compareHeld(_ tree: ComparedTree) -> String? {
    if held.count < 32 {
      let difference = withFile(of: tree) { (reader, ours, other, path) in
        reader.held.append((ours, other, path))
        return nil
      }
      if let difference { return difference }
    }
    guard let index = held.indices.randomElement(using: &generator) else { return nil }
    let (ours, other, path) = held[index]
    if Int.random(in: 0..<8, using: &generator) == 0 { held.remove(at: index) }
    return compareRange(ours, other, path)
  }
}
