/// A cache on disk that holds all of some images, which came over HTTP from this machine.
struct FilledCache {
  static let name = "filled"

  private let base: String

  /// Serves `images`, files of the stage without their suffix, and fills the cache with them.
  init(_ images: [String], on stage: Stage) throws {
    base = try stage.serve(images.map { "\(stage.directory)/\($0).erofs" })
    // Each twice: a cache that is busy writing lets a few blocks go by.
    for image in images {
      for _ in 0..<2 {
        try stage.dropCaches()
        try stage.withMount(of: url(of: image), cache: Self.name) { _ in
          try stage.shell(#"tar -C "$0" -cf - . | cat >/dev/null"#, stage.mountPoint)
        }
      }
    }
  }

  func url(of image: String) -> String { "\(base)\(image).erofs" }
}
