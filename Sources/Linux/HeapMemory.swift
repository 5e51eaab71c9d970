internal import CLinux

/// The memory that `malloc` hands out.
package enum HeapMemory {
  /// Gives memory that was freed back to the system, after work that took much for a short time.
  ///
  /// The allocator keeps up to 64 MiB for itself otherwise.
  package static func returnUnused() {
    malloc_trim(0)
  }
}
