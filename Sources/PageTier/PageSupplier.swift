/// Where the content of one file of one image comes from, as far as it is at hand.
package protocol PageSupplier: AnyObject, Sendable {
  /// Fills `target` from `offset` on, all of which is within the file, if that needs no fetching;
  /// false if it does, or fails.
  func supply(into target: inout MutableRawSpan, at offset: UInt64) -> Bool

  /// Hears that `byteCount` bytes from `offset` on are in use, though they were not supplied.
  func noteUse(from offset: UInt64, byteCount: UInt64)
}
