import Foundation

/// Images as the kernel's own EROFS shows them, on loop devices.
package enum KernelImages {
  /// Whether this process may mount them, and the kernel knows how: for `.enabled(if:)`.
  package static let canMount: Bool = {
    let filesystems = try? String(contentsOfFile: "/proc/filesystems", encoding: .utf8)
    return getuid() == 0 && filesystems?.contains("erofs") == true
      && FileManager.default.fileExists(atPath: "/dev/loop-control")
  }()

  /// What the kernel shows of the image at `path`, with the image `device` as its extra device.
  ///
  /// It is mounted on the directory `point`, made if need be, and unmounted whatever happens.
  package static func snapshot(
    of path: String, device: String? = nil, at point: String
  ) throws -> TreeSnapshot {
    try FileManager.default.createDirectory(atPath: point, withIntermediateDirectories: true)
    var options = "ro,loop"
    var loop: String?
    if let device {
      let attached = try run(["losetup", "-f", "--show", "-r", device])
      loop = attached.trimmingCharacters(in: .newlines)
      options += ",device=\(loop ?? "")"
    }
    defer { if let loop { _ = try? run(["losetup", "-d", loop]) } }
    try run(["mount", "-t", "erofs", "-o", options, path, point])
    defer {
      // Whoever still looks at it, it is gone for everybody else.
      if (try? run(["umount", point])) == nil { _ = try? run(["umount", "-l", point]) }
    }
    return try TreeSnapshot(of: point)
  }

  @discardableResult
  private static func run(_ arguments: [String]) throws -> String {
    let command = try Command(arguments)
    guard command.status == 0 else {
      throw KernelImagesError(
        description: "\(arguments.joined(separator: " ")): \(command.errors)")
    }
    return command.text
  }
}

/// A command that the kernel's mount takes has failed.
package struct KernelImagesError: Error, CustomStringConvertible {
  package let description: String
}
