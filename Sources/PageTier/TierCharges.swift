/// Who is charged for the pages of the tier: the volume that brought each in, and its domain.
///
/// A page that several files share is charged once, as memory cgroups do. Guarded by the tier's lock.
struct TierCharges {
  /// Numbers of volumes and domains are below this.
  static let countMax = 4096
  /// Who is charged for what its volume has left behind; has no limit, and is never given out.
  static let nobody: UInt16 = 0

  private var pageCounts = [Int](repeating: 0, count: countMax)
  private var limits = [Int](repeating: .max, count: countMax)
  private var isTaken = [Bool](repeating: false, count: countMax)
  /// Released numbers that are still charged for pages cannot be given to another.
  private var isReleased = [Bool](repeating: false, count: countMax)

  /// A number that nobody has and nothing is charged to; nil when all are taken.
  mutating func take(pageLimit: Int) -> UInt16? {
    for number in 1..<Self.countMax where !isTaken[number] {
      isTaken[number] = true
      limits[number] = pageLimit
      return UInt16(number)
    }
    return nil
  }

  /// Gives `number` back, as soon as nothing is charged to it.
  mutating func release(_ number: UInt16) {
    isReleased[Int(number)] = true
    settle(number)
  }

  mutating func charge(_ number: UInt16) {
    pageCounts[Int(number)] += 1
  }

  mutating func discharge(_ number: UInt16) {
    pageCounts[Int(number)] -= 1
    settle(number)
  }

  func pageCount(of number: UInt16) -> Int { pageCounts[Int(number)] }

  /// Pages that `number` may be charged for.
  func pageLimit(of number: UInt16) -> Int { limits[Int(number)] }

  /// Lets `number` be charged for `pageLimit` from now on; what it has stays.
  mutating func setPageLimit(_ pageLimit: Int, of number: UInt16) {
    limits[Int(number)] = pageLimit
  }

  /// Whether `number` was given back, but is still charged.
  func isLeftBehind(_ number: UInt16) -> Bool { isReleased[Int(number)] }

  /// Whether `number` may not be charged for another page.
  func isExhausted(_ number: UInt16) -> Bool {
    pageCounts[Int(number)] >= limits[Int(number)]
  }

  private mutating func settle(_ number: UInt16) {
    guard isReleased[Int(number)], pageCounts[Int(number)] == 0 else { return }
    isReleased[Int(number)] = false
    isTaken[Int(number)] = false
  }
}
