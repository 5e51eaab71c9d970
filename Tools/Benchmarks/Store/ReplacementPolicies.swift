/// A cache of numbered blocks that keeps nothing but their names, to count misses.
protocol ReplacementPolicy {
  /// Uses `block`; false for a miss, after which the block is cached.
  mutating func use(_ block: UInt32) -> Bool
}

/// Plain LRU: a miss pushes out the block that was not used for longest.
struct LeastRecentlyUsed: ReplacementPolicy {
  private struct Entry {
    let block: UInt32
    var hotter: Int
    var colder: Int
  }

  private let capacity: Int
  private var entries: [Entry] = []
  private var places: [UInt32: Int] = [:]
  private var hottest = -1
  private var coldest = -1

  init(capacity: Int) {
    self.capacity = capacity
  }

  mutating func use(_ block: UInt32) -> Bool {
    if let place = places[block] {
      unlink(place)
      push(place)
      return true
    }
    var place = entries.count
    if place == capacity {
      place = coldest
      unlink(place)
      places[entries[place].block] = nil
      entries[place] = Entry(block: block, hotter: -1, colder: -1)
    } else {
      entries.append(Entry(block: block, hotter: -1, colder: -1))
    }
    places[block] = place
    push(place)
    return false
  }

  private mutating func push(_ place: Int) {
    entries[place].hotter = -1
    entries[place].colder = hottest
    if hottest >= 0 { entries[hottest].hotter = place } else { coldest = place }
    hottest = place
  }

  private mutating func unlink(_ place: Int) {
    let (hotter, colder) = (entries[place].hotter, entries[place].colder)
    if hotter >= 0 { entries[hotter].colder = colder } else { hottest = colder }
    if colder >= 0 { entries[colder].hotter = hotter } else { coldest = hotter }
  }
}

/// S3-FIFO (Yang et al., SOSP '23): a small queue of a tenth, a main queue, and a ghost queue of as
/// many names as the main queue has blocks.
struct SmallMainGhost: ReplacementPolicy {
  private enum Place {
    case small, main, ghost
  }

  private struct State {
    var place: Place
    /// Uses since it was queued, up to 3.
    var useCount = 0
    /// Tells a name's latest ghost from the ones before it.
    var ticket = 0
  }

  private struct Queue {
    private var blocks: [(block: UInt32, ticket: Int)] = []
    private var head = 0

    var count: Int { blocks.count - head }

    mutating func push(_ block: UInt32, ticket: Int = 0) { blocks.append((block, ticket)) }

    mutating func pop() -> (block: UInt32, ticket: Int)? {
      guard head < blocks.count else { return nil }
      head += 1
      let first = blocks[head - 1]
      if head > 1 << 16, head > blocks.count / 2 {
        blocks.removeFirst(head)
        head = 0
      }
      return first
    }
  }

  private let capacity: Int
  private let smallCapacity: Int
  private var states: [UInt32: State] = [:]
  private var small = Queue()
  private var main = Queue()
  private var ghost = Queue()
  private var lastTicket = 0

  init(capacity: Int) {
    self.capacity = capacity
    smallCapacity = capacity / 10
  }

  mutating func use(_ block: UInt32) -> Bool {
    let place = states[block]?.place
    if place == .small || place == .main {
      let useCount = states[block]?.useCount ?? 0
      states[block]?.useCount = min(3, useCount + 1)
      return true
    }
    while small.count + main.count >= capacity { evict() }
    if place == .ghost {
      states[block] = State(place: .main)
      main.push(block)
    } else {
      states[block] = State(place: .small)
      small.push(block)
    }
    return false
  }

  private mutating func evict() {
    if small.count >= smallCapacity { evictSmall() } else { evictMain() }
  }

  private mutating func evictSmall() {
    guard let (block, _) = small.pop() else { return evictMain() }
    if states[block]?.useCount ?? 0 > 1 {
      states[block] = State(place: .main)
      main.push(block)
      if main.count > capacity - smallCapacity { evictMain() }
      return
    }
    lastTicket += 1
    states[block] = State(place: .ghost, ticket: lastTicket)
    ghost.push(block, ticket: lastTicket)
    while ghost.count > capacity - smallCapacity, let (old, ticket) = ghost.pop() {
      if states[old]?.place == .ghost, states[old]?.ticket == ticket { states[old] = nil }
    }
  }

  private mutating func evictMain() {
    while let (block, _) = main.pop() {
      let useCount = states[block]?.useCount ?? 0
      guard useCount > 0 else {
        states[block] = nil
        return
      }
      states[block]?.useCount = useCount - 1
      main.push(block)
    }
    if small.count > 0 { evictSmall() }
  }
}
