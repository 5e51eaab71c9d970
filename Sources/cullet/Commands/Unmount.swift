internal import ArgumentParser
internal import Node

/// `cullet unmount`: ends a mount.
struct Unmount: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Unmount an image; also one whose owner has died.",
    discussion: """
      EXAMPLE
        cullet unmount /mnt
      """)

  @OptionGroup var cache: CacheOptions
  @Argument(help: "The directory it is mounted on.") var directory: String
  @Flag(help: "Take it out of sight now, and end it when its last file is closed.")
  var lazy = false

  func run() throws {
    try Unmounting.unmount(directory, lazily: lazy, cache: cache.directory)
  }
}
