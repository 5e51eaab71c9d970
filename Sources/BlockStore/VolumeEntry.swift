internal import Synchronization

/// A volume as the index has it: a name and coherency data that its objects have in common.
///
/// With other coherency data it becomes another volume, of another identity; what names the old one
/// is dead from that moment, however many objects that are.
final class VolumeEntry: Sendable {
  /// As long as the keys of the kernel's volumes.
  static let keyByteCountMax = 254

  let id: UInt32
  let key: [UInt8]
  let coherency: [UInt8]
  /// False once the volume was acquired with other coherency data, or retired.
  let isCurrent = Atomic<Bool>(true)
  /// ``Volume``s that are this one.
  let acquisitionCount = Atomic<Int>(0)

  /// The volume that `record` describes; nil when its identity has too many bits.
  init?(id: UInt64, record: ObjectRecord) {
    guard let id = UInt32(exactly: id) else { return nil }
    self.id = id
    key = record.name.key
    coherency = record.coherency
  }
}
