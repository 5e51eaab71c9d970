internal import EROFS
package import EROFSReader
internal import Linux
internal import Origins

/// Opens an image and its extra devices, each a local file or a remote object.
package enum ImageOpener {
  /// The image `source` with its `devices` in the order of its device table.
  ///
  /// Remote ones are had from `remote`. `decoderCount` threads help to decode large reads.
  package static func open(
    _ source: String, devices: [String], decoderCount: Int = 0,
    remote: (String) throws(Failure) -> any BlockSource
  ) throws(Failure) -> Image {
    try image(
      in: try sources(source, devices: devices, remote: remote), named: name(of: source),
      decoderCount: decoderCount)
  }

  /// The image in `sources`, which is called `name` when it turns out to be none.
  package static func image(
    in sources: (main: any BlockSource, extra: [any BlockSource]), named name: String,
    decoderCount: Int = 0
  ) throws(Failure) -> Image {
    do throws(ReadError) {
      return try Image(
        source: sources.main, devices: sources.extra, decoderCount: decoderCount)
    } catch {
      throw Failure(error, source: name)
    }
  }

  /// The image `source`, with as many of the first `devices` as its device table has; takes them
  /// off.
  ///
  /// With no devices left the image is opened without.
  package static func open(
    _ source: String, takingFrom devices: inout ArraySlice<String>,
    remote: (String) throws(Failure) -> any BlockSource
  ) throws(Failure) -> Image {
    let image = try open(source, devices: [], remote: remote)
    let own = devices.prefix(image.superblock.extraDeviceCount)
    guard !own.isEmpty else { return image }
    devices = devices.dropFirst(own.count)
    return try open(source, devices: Array(own), remote: remote)
  }

  /// The bytes of `source` and its `devices`, for an image that may turn out to be none.
  package static func sources(
    _ source: String, devices: [String],
    remote: (String) throws(Failure) -> any BlockSource
  ) throws(Failure) -> (main: any BlockSource, extra: [any BlockSource]) {
    let main = try blockSource(source, remote: remote)
    var extra: [any BlockSource] = []
    for device in devices { extra.append(try blockSource(device, remote: remote)) }
    return (main, extra)
  }

  /// `source` as people are shown it: absolute, and without credentials.
  package static func name(of source: String) -> String {
    (try? SourceReference(checking: source))?.name ?? source
  }

  /// `source` as a process with another working directory would name it; credentials are kept.
  package static func absolute(_ source: String) throws(Failure) -> String {
    switch try SourceReference(checking: source) {
    case .file(let path): path
    case .http: source
    }
  }

  private static func blockSource(
    _ source: String, remote: (String) throws(Failure) -> any BlockSource
  ) throws(Failure) -> any BlockSource {
    switch try SourceReference(checking: source) {
    case .file(let path): try FileSource(path: path)
    case .http: try remote(source)
    }
  }
}

extension SourceReference {
  /// Reads the argument `source`, a path being relative to the working directory.
  init(checking source: String) throws(Failure) {
    do throws(SourceReferenceError) {
      self = try SourceReference(parsing: source, relativeTo: Paths.workingDirectory)
    } catch {
      throw Failure(.usage, error.message)
    }
  }
}
