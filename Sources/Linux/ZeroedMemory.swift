internal import CLinux

/// Zeroed memory that costs nothing until it is touched, for tables that are mostly empty;
/// huge pages where it is large.
package enum ZeroedMemory {
  /// `count` elements, every byte of them zero; nil when memory is short.
  package static func allocate<Element: BitwiseCopyable>(
    _ type: Element.Type, count: Int
  ) -> UnsafeMutablePointer<Element>? {
    let stride = MemoryLayout<Element>.stride
    guard let memory = unsafe calloc(count, stride) else { return nil }
    unsafe HeapMemory.preferHugePages(memory, byteCount: count * stride)
    return unsafe memory.bindMemory(to: type, capacity: count)
  }

  /// Gives memory of ``allocate(_:count:)`` back.
  package static func deallocate<Element: BitwiseCopyable>(
    _ memory: UnsafeMutablePointer<Element>
  ) {
    unsafe free(memory)
  }
}
