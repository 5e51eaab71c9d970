internal import EROFSReader
internal import PageTier

/// The bytes of an image and its extra devices, and who remembers what its files hold, if anybody does.
struct OpenedSources {
  let main: any BlockSource
  let extra: [any BlockSource]
  let memory: (any FingerprintMemory)?
}
