/// What a workload says of itself, between the records of what it did to the disk.
enum Mark: Equatable {
  /// An operation with its number, and what the model must know of it.
  case started(Int, Effect)
  /// The operation returned; what it promised holds if it succeeded.
  case finished(Int, succeeded: Bool)
  case present(Presence)

  /// What an operation may change.
  enum Effect: Equatable {
    case none
    /// The object has this version from now on, and no block that was filled before.
    case version(object: Int, Int)
    case fill(object: Int, block: UInt32, count: Int)
    case invalidation(object: Int)
    case removal(object: Int)
    case limit(cull: Int)
    /// Blocks that culling leaves from now on; ``TrialCache/wholeObject`` in another version too.
    case pin(object: Int, Range<UInt32>)
    case unpin(object: Int, Range<UInt32>)
    /// The cache has this many slots from now on.
    case resize(slotCount: Int)
    /// Blocks may be culled before the next count.
    case cull
    /// An opening that may find the cache emptied, after an error; it succeeds if it does.
    case doubtfulOpening
  }

  /// What the cache holds, durably, at one moment.
  struct Presence: Equatable {
    /// Whether no fill was dropped or refused since the last time.
    var isComplete: Bool
    /// Blocks culled so far; nil when nobody counted since the last time.
    var culledCount: Int?
    /// How many fills there is room for without any culling.
    var spareCount: Int
    var blocks: [Block]
  }

  struct Block: Hashable {
    let object: Int
    let block: UInt32
  }
}

// As text: words with blanks between them, one line a mark.
extension Mark {
  var line: String {
    switch self {
    case .started(let number, let effect):
      let words =
        switch effect {
        case .none: "none"
        case .version(let object, let version): "version \(object) \(version)"
        case .fill(let object, let block, let count): "fill \(object) \(block) \(count)"
        case .invalidation(let object): "invalidation \(object)"
        case .removal(let object): "removal \(object)"
        case .limit(let cull): "limit \(cull)"
        case .pin(let object, let blocks):
          "pin \(object) \(blocks.lowerBound) \(blocks.upperBound)"
        case .unpin(let object, let blocks):
          "unpin \(object) \(blocks.lowerBound) \(blocks.upperBound)"
        case .resize(let slotCount): "resize \(slotCount)"
        case .cull: "cull"
        case .doubtfulOpening: "opening"
        }
      return "start \(number) \(words)\n"
    case .finished(let number, let succeeded):
      return "finish \(number) \(succeeded ? 1 : 0)\n"
    case .present(let presence):
      var words = [
        "present", presence.isComplete ? "1" : "0", "\(presence.culledCount ?? -1)",
        "\(presence.spareCount)",
      ]
      for block in presence.blocks { words.append("\(block.object)/\(block.block)") }
      return words.joined(separator: " ") + "\n"
    }
  }

  /// The mark that `line` is; nil when it is cut off or none.
  init?(line: some StringProtocol) {
    let words = line.split(separator: " ")
    let numbers = words.dropFirst().map { Int($0) }
    switch words.first {
    case "start":
      guard words.count >= 3, let number = numbers[0],
        let effect = Effect(name: words[2], numbers: numbers.dropFirst(2).compactMap(\.self))
      else { return nil }
      self = .started(number, effect)
    case "finish":
      guard words.count == 3, let number = numbers[0] else { return nil }
      self = .finished(number, succeeded: numbers[1] == 1)
    case "present":
      guard words.count >= 4, let culledCount = numbers[1], let spareCount = numbers[2] else {
        return nil
      }
      self = .present(
        Presence(
          isComplete: numbers[0] == 1, culledCount: culledCount < 0 ? nil : culledCount,
          spareCount: spareCount, blocks: words.dropFirst(4).compactMap { Block(String($0)) }))
    default: return nil
    }
  }
}

extension Mark.Effect {
  fileprivate init?(name: some StringProtocol, numbers: [Int]) {
    switch (name, numbers.count) {
    case ("none", 0): self = .none
    case ("version", 2): self = .version(object: numbers[0], numbers[1])
    case ("fill", 3):
      self = .fill(object: numbers[0], block: UInt32(numbers[1]), count: numbers[2])
    case ("invalidation", 1): self = .invalidation(object: numbers[0])
    case ("removal", 1): self = .removal(object: numbers[0])
    case ("limit", 1): self = .limit(cull: numbers[0])
    case ("pin", 3) where numbers[1] <= numbers[2]:
      self = .pin(object: numbers[0], UInt32(numbers[1])..<UInt32(numbers[2]))
    case ("unpin", 3) where numbers[1] <= numbers[2]:
      self = .unpin(object: numbers[0], UInt32(numbers[1])..<UInt32(numbers[2]))
    case ("resize", 1): self = .resize(slotCount: numbers[0])
    case ("cull", 0): self = .cull
    case ("opening", 0): self = .doubtfulOpening
    default: return nil
    }
  }
}

extension Mark.Block {
  fileprivate init?(_ text: String) {
    let parts = text.split(separator: "/")
    guard parts.count == 2, let object = Int(parts[0]), let block = UInt32(parts[1]) else {
      return nil
    }
    self.init(object: object, block: block)
  }
}
