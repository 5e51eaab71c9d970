internal import CLinux

/// Zeroed memory that costs nothing until it is touched, for tables that are mostly empty.
package enum ZeroedMemory {
  /// `count` elements, every byte of them zero; nil when memory is short.
  package static func allocate<Element: BitwiseCopyable>(
    _ type: Element.Type, count: Int
  ) -> UnsafeMutablePointer<Element>? {
    guard let memory = unsafe calloc(count, MemoryLayout<Element>.stride) else { return nil }
    return unsafe memory.bindMemory(to: type, capacity: count)
  }

  /// Gives memory of ``allocate(_:count:)`` back.
  package static func deallocate<Element: BitwiseCopyable>(
    _ memory: UnsafeMutablePointer<Element>
  ) {
    unsafe free(memory)
  }
}
