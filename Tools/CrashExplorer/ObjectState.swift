internal import BlockStore

/// What the cache may know of one object: its version, and the blocks that culling leaves.
struct ObjectState: Hashable {
  /// Nil for an object that is not there.
  var version: Int?
  /// The block after the last one of any object stands for all that an object may ever have.
  private var pins: Set<UInt32> = []

  init(version: Int?) {
    self.version = version
  }

  /// The pinned ones of the blocks that the object has in this version.
  var pinned: Set<UInt32> {
    guard let version else { return [] }
    return pins.filter { $0 < TrialCache.blockCount(ofVersion: version) }
  }

  /// What `effect` makes of it, if it is one on `object`.
  func after(_ effect: Mark.Effect, on object: Int) -> ObjectState {
    var state = self
    switch effect {
    case .version(object, let version):
      state.version = version
      // Where the blocks of a file lie is another matter in another version.
      if pins.count < TrialCache.wholeObject.count { state.pins = [] }
    case .removal(object):
      state = ObjectState(version: nil)
    case .pin(object, let blocks):
      if version != nil { state.pins.formUnion(blocks) }
    case .unpin(object, let blocks):
      state.pins.subtract(blocks)
    default: break
    }
    return state
  }
}
