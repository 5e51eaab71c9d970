internal import Bytes

/// The water marks of cachefilesd, in percent of what is free: culling starts below `cull` and goes
/// on until `run`; below `stop` nothing new is taken in.
///
/// The b-marks look at slots, the f-marks at object records and at the pages of the index.
/// Invariant: 0 ≤ stop < cull < run < 100, for both.
package struct CullLimits: Hashable, Sendable {
  /// Percent of free slots up to which culling goes on.
  package let brun: Int
  /// Percent of free slots below which culling starts.
  package let bcull: Int
  /// Percent of free slots below which nothing new is taken in.
  package let bstop: Int
  /// Percent of free object records up to which culling goes on.
  package let frun: Int
  /// Percent of free object records below which culling starts.
  package let fcull: Int
  /// Percent of free object records below which no new object is taken in.
  package let fstop: Int

  /// 7, 5 and 1 percent, as cachefilesd has it.
  package static let standard = CullLimits(unchecked: [7, 5, 1, 7, 5, 1])

  /// The limits given; throws `.badConfiguration` unless both triples are in order.
  package init(
    brun: Int = 7, bcull: Int = 5, bstop: Int = 1, frun: Int = 7, fcull: Int = 5, fstop: Int = 1
  ) throws(StoreError) {
    for (letter, stop, cull, run) in [("b", bstop, bcull, brun), ("f", fstop, fcull, frun)] {
      guard 0 <= stop, stop < cull, cull < run, run < 100 else {
        throw StoreError(
          .badConfiguration, path: "",
          message: "limits \(letter)stop \(stop), \(letter)cull \(cull), \(letter)run \(run) are "
            + "out of order: they must be 0 <= stop < cull < run < 100")
      }
    }
    self.init(unchecked: [brun, bcull, bstop, frun, fcull, fstop])
  }

  private init(unchecked marks: [Int]) {
    brun = marks[0]
    bcull = marks[1]
    bstop = marks[2]
    frun = marks[3]
    fcull = marks[4]
    fstop = marks[5]
  }

  /// Six bytes, in the order of the properties.
  var encoded: [UInt8] {
    [brun, bcull, bstop, frun, fcull, fstop].map { UInt8(clamping: $0) }
  }

  /// Limits from six encoded bytes, or nil when they are out of order.
  init?(encoded: [UInt8]) {
    guard encoded.count == 6 else { return nil }
    let marks = encoded.map(Int.init)
    guard marks[2] < marks[1], marks[1] < marks[0], marks[0] < 100,
      marks[5] < marks[4], marks[4] < marks[3], marks[3] < 100
    else { return nil }
    self.init(unchecked: marks)
  }
}

/// Water marks in slots, for a cache of a given size.
///
/// Percentages of a small cache round to nothing, so each mark is at least one above the one below
/// it and `cull` is at least a thirty-second of the cache (two slots in the smallest), up to the
/// 1024 slots that keep four batches of writes ahead.
struct SlotMarks: Equatable {
  let stop: Int
  let cull: Int
  let run: Int

  init(_ limits: CullLimits, slotCount: Int) {
    stop = limits.bstop == 0 ? 0 : max(1, slotCount * limits.bstop / 100)
    cull = max(
      stop + 1, (slotCount * limits.bcull).dividedRoundingUp(by: 100),
      min(1024, slotCount / 32))
    run = max(cull + 1, (slotCount * limits.brun).dividedRoundingUp(by: 100))
  }
}
