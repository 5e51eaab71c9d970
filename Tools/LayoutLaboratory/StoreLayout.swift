internal import BlockStore
internal import Bytes
internal import Linux

/// Option (4): the store itself.
final class StoreLayout: Layout {
  static let name = "(4) one file, block index"
  /// The store's table takes as much for every slot, used or not: see `SlotTable`.
  private static let slotByteCount = 40

  private let store: CacheStore
  private let plan: Plan
  private var objects: [Int: StoredObject] = [:]

  init(in directory: String, plan: Plan) throws {
    self.plan = plan
    store = try CacheStore(
      opening: "\(directory)/cache",
      creatingWith: StoreConfiguration(
        capacityByteCount: UInt64(plan.slotCount * Plan.blockByteCount),
        blockByteCount: Plan.blockByteCount, limits: CullLimits(brun: 2, bcull: 1, bstop: 0)))
  }

  func bind(_ object: Int, version: UInt8) throws {
    objects[object] = try store.bind(
      key: [UInt8]("\(object)".utf8), coherency: [version],
      byteCount: UInt64(plan.objectBlockCountMax * Plan.blockByteCount))
  }

  func read(_ object: Int, _ block: Int, into target: inout MutableRawSpan) throws -> Bool {
    guard let object = objects[object] else { return false }
    return object.read(block: UInt32(block), into: &target)
      == .hit(validByteCount: target.byteCount)
  }

  func fill(_ object: Int, _ block: Int, with bytes: RawSpan) throws {
    guard let object = objects[object] else { return }
    while !object.fill(block: UInt32(block), with: bytes) { try store.flush() }
  }

  func sync() throws { try store.flush() }

  func cull(_ blockCount: Int) throws -> Int {
    store.cull(CullRequest(byteCount: UInt64(blockCount * Plan.blockByteCount))).blockCount
  }

  func abandon() {
    objects = [:]
    store.abandon()
  }

  /// None: data file and index stay open, and nothing is made or removed while the store runs.
  var operations: OperationCounts { OperationCounts() }

  var indexByteCount: Int { plan.slotCount * Self.slotByteCount }
}
