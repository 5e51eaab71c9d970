internal import Bytes
internal import CLZ4

/// LZ4 blocks without a frame, as EROFS stores them.
package enum LZ4 {
  /// Decodes the block `source`, or its start, until `target` is full.
  ///
  /// When it `goesOn` the block may encode more than `target` holds, and bytes that belong to no
  /// sequence may follow it as long as `target` is no longer than what the block encodes. Never
  /// writes past `target`, whatever `source` holds; after an error its content is arbitrary.
  package static func decode(
    _ source: RawSpan, into target: inout MutableRawSpan, goesOn: Bool = true
  ) throws(CodecError) {
    let wanted = target.byteCount
    guard let inputCount = Int32(exactly: source.byteCount),
      let wantedCount = Int32(exactly: wanted)
    else { throw CodecError(codec: "LZ4", code: .tooLarge) }
    if wanted == 0 { return }
    let decoded = unsafe source.withUnsafeBytes { input in
      unsafe target.withUnsafeMutableBytes { output -> Int32 in
        guard let from = input.baseAddress, let to = output.baseAddress else { return -1 }
        let (block, room) = unsafe (
          from.assumingMemoryBound(to: CChar.self), to.assumingMemoryBound(to: CChar.self)
        )
        return goesOn
          ? unsafe LZ4_decompress_safe_partial(block, room, inputCount, wantedCount, wantedCount)
          : unsafe LZ4_decompress_safe(block, room, inputCount, wantedCount)
      }
    }
    guard decoded >= 0 else { throw CodecError(codec: "LZ4", code: .malformed) }
    guard decoded == wantedCount else {
      throw CodecError(codec: "LZ4", code: .tooShort(decoded: Int(decoded), wanted: wanted))
    }
  }

  /// Encodes all of `source` as one block into the start of `target`.
  ///
  /// Returns the block's length; nil when it does not fit. Allocates nothing.
  package static func encode(_ source: RawSpan, into target: inout MutableRawSpan) -> Int? {
    guard let inputCount = Int32(exactly: source.byteCount),
      let capacity = Int32(exactly: target.byteCount)
    else { return nil }
    let encoded = unsafe source.withUnsafeBytes { input in
      unsafe target.withUnsafeMutableBytes { output -> Int32 in
        guard let from = input.baseAddress, let to = output.baseAddress else { return 0 }
        return unsafe LZ4_compress_default(
          from.assumingMemoryBound(to: CChar.self), to.assumingMemoryBound(to: CChar.self),
          inputCount, capacity)
      }
    }
    return encoded > 0 ? Int(encoded) : nil
  }

  /// Encodes `source` as one block, or returns nil when it is 2 GB or more.
  package static func encode(_ source: RawSpan) -> [UInt8]? {
    guard let inputCount = Int32(exactly: source.byteCount) else { return nil }
    let bound = LZ4_compressBound(inputCount)
    guard bound > 0 else { return nil }
    return unsafe [UInt8](unsafeUninitializedCapacity: Int(bound)) { output, filled in
      filled = unsafe source.withUnsafeBytes { input in
        guard let to = output.baseAddress else { return 0 }
        var nothing: CChar = 0
        return unsafe withUnsafePointer(to: &nothing) { nothing in
          let from = unsafe input.baseAddress?.assumingMemoryBound(to: CChar.self) ?? nothing
          return unsafe to.withMemoryRebound(to: CChar.self, capacity: Int(bound)) { to in
            Int(unsafe LZ4_compress_default(from, to, inputCount, bound))
          }
        }
      }
    }
  }
}
