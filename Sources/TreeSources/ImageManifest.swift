internal import FoundationEssentials

/// What a manifest of a container image leads to: its layers, or the manifest for this platform.
package enum ImageManifest: Equatable, Sendable {
  /// A blob as manifests name it.
  package struct Blob: Equatable, Sendable {
    package let digest: String
    package let byteCount: UInt64?
  }

  /// The layers, each over those before it.
  case layers([Blob])
  /// An index names another manifest, or an index again.
  case manifest(Blob)

  /// An index may name an index, but not for ever.
  package static let nestingLimit = 4

  private struct Document: Decodable {
    struct Descriptor: Decodable {
      struct Platform: Decodable {
        var os: String
        var architecture: String
      }

      var digest: String
      var size: UInt64?
      var platform: Platform?

      var blob: Blob { Blob(digest: digest, byteCount: size) }
    }

    /// Absent in an index, which has manifests instead.
    var layers: [Descriptor]?
    var manifests: [Descriptor]?
  }

  /// Decodes a manifest or an index, in the form of OCI or Docker; `name` is for errors.
  package init(decoding bytes: [UInt8], name: String) throws(TreeSourceError) {
    guard let document = try? JSONDecoder().decode(Document.self, from: Data(bytes)) else {
      throw TreeSourceError(.malformed("a manifest makes no sense"), name)
    }
    if let layers = document.layers {
      self = .layers(layers.map(\.blob))
      return
    }
    let fitting = document.manifests?.first { descriptor in
      guard let platform = descriptor.platform else { return true }
      return platform.os == "linux" && platform.architecture == Self.architecture
    }
    guard let fitting else {
      throw TreeSourceError(.malformed("no image for linux/\(Self.architecture)"), name)
    }
    self = .manifest(fitting.blob)
  }

  private static var architecture: String {
    #if arch(arm64)
    "arm64"
    #else
    "amd64"
    #endif
  }
}
