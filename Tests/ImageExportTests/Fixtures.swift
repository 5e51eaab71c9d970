import EROFSReader
import TestSupport

/// The reference images.
enum Fixtures {
  /// The image called `name`, with its blob when it has one.
  static func image(_ name: String) throws -> Image {
    let devices: [any BlockSource] = try SharedData.deviceFiles(of: name).map { file in
      MemorySource(try SharedData.bytes(of: file))
    }
    return try Image(
      source: MemorySource(try SharedData.bytes(of: "\(name).erofs")), devices: devices)
  }
}
