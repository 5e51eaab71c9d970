internal import CLinux

/// The memory of the machine.
package enum PhysicalMemory {
  /// All of it that the kernel manages, in bytes.
  package static var byteCount: Int {
    max(0, sysconf(Int32(_SC_PHYS_PAGES))) * max(0, sysconf(Int32(_SC_PAGESIZE)))
  }
}
