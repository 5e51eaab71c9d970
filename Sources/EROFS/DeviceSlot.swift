internal import Bytes

/// One extra device of an image, as its device table describes it.
///
/// | Offset | Size | Field                                    |
/// |-------:|-----:|------------------------------------------|
/// |      0 |   64 | tag                                      |
/// |     64 |    4 | block count, low bits                    |
/// |     68 |    4 | unified address, low bits                |
/// |     72 |    2 | block count, bits 32 to 47               |
/// |     74 |    2 | unified address, bits 32 to 47           |
package struct DeviceSlot: Hashable, Sendable {
  package static let byteCount = 128

  /// Free text or a digest, without the zeros that fill the field.
  package let tag: [UInt8]
  package let blockCount: UInt64
  /// Where the device starts in the address space that spans all devices; 0 when it is in none.
  package let unifiedBlock: UInt64

  /// Decodes slot `index` of the table in `bytes`, which holds it whole.
  package init(decoding bytes: RawSpan, at index: Int, features: IncompatibleFeatures) {
    let slot = bytes.extracting(index * Self.byteCount..<(index + 1) * Self.byteCount)
    tag = Array(slot.extracting(0..<64).copyBytes().prefix { $0 != 0 })
    let isWide = features.contains(.wideAddresses)
    let highBlocks = isWide ? UInt64(slot.load(fromByteOffset: 72, as: UInt16.self)) : 0
    let highAddress = isWide ? UInt64(slot.load(fromByteOffset: 74, as: UInt16.self)) : 0
    blockCount = UInt64(slot.load(fromByteOffset: 64, as: UInt32.self)) | highBlocks << 32
    unifiedBlock = UInt64(slot.load(fromByteOffset: 68, as: UInt32.self)) | highAddress << 32
  }
}
