internal import HTTPSyntax

/// An image in an OCI registry: `oci://[user:password@]host[:port]/repository[:tag][@digest]`.
///
/// Registries of this machine, which are for trials, are asked over http, all others over https.
package struct RegistryReference: Hashable, Sendable {
  /// Tags may have this many characters.
  private static let tagByteCountMax = 128

  package let repository: String
  /// What is asked for: the digest when there is one, else the tag, else `latest`.
  package let target: String
  /// Below this are the repository's manifests and blobs.
  let base: HTTPLocation

  /// Takes `text` apart; throws what is wrong with it, without repeating credentials.
  package init(parsing text: String) throws(SourceReferenceError) {
    guard text.hasPrefix("oci://") else {
      throw SourceReferenceError(.malformed, "not the address of an image in a registry")
    }
    let rest = text.dropFirst("oci://".count)
    let authority = rest.prefix { $0 != "/" }
    var path = rest.dropFirst(authority.count + 1)
    var digest: Substring?
    if let at = path.firstIndex(of: "@") {
      digest = path[path.index(after: at)...]
      path = path[..<at]
    }
    var tag: Substring?
    if let colon = path.firstIndex(of: ":") {
      tag = path[path.index(after: colon)...]
      path = path[..<colon]
    }
    let isKnown =
      Self.isRepository(path) && tag.map(Self.isTag) ?? true
      && digest.map { BlobDigest(parsing: String($0)) != nil } ?? true
    guard isKnown else {
      throw SourceReferenceError(
        .malformed,
        "an image in a registry is named oci://host/repository[:tag][@sha256:digest], in small letters"
      )
    }
    repository = String(path)
    target = String(digest ?? tag ?? "latest")
    let host = authority.split(separator: "@").last ?? ""
    let scheme = Self.isOfThisMachine(host) ? "http" : "https"
    base = try HTTPLocation(parsing: "\(scheme)://\(authority)/v2/\(path)/")
  }

  /// For messages: without credentials.
  package var name: String {
    "oci://\(base.origin.drop { $0 != "/" }.dropFirst(2))/\(repository)"
      + (target.contains(":") ? "@" : ":") + target
  }

  /// Where the manifest called `name`, a tag or a digest, is.
  func manifest(_ name: String) -> HTTPLocation? { base.following("manifests/\(name)") }

  func blob(_ digest: BlobDigest) -> HTTPLocation? { base.following("blobs/\(digest.text)") }

  private static func isOfThisMachine(_ host: Substring) -> Bool {
    host.hasPrefix("127.") || host.hasPrefix("[::1]")
      || host.prefix { $0 != ":" }.lowercased() == "localhost"
  }

  private static func isRepository(_ text: Substring) -> Bool {
    text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
      part.utf8.first.map(isSmallAlphanumeric) ?? false
        && part.utf8.allSatisfy { isSmallAlphanumeric($0) || "._-".utf8.contains($0) }
    }
  }

  private static func isTag(_ text: Substring) -> Bool {
    (1...tagByteCountMax).contains(text.utf8.count)
      && text.lowercased().utf8.allSatisfy { isSmallAlphanumeric($0) || "._-".utf8.contains($0) }
  }

  private static func isSmallAlphanumeric(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
  }
}

/// The SHA-256 that names a manifest or a blob: `sha256:` and 64 small hexadecimal digits.
package struct BlobDigest: Hashable, Sendable {
  /// As manifests and addresses have it.
  package let text: String

  /// The digest, or nil when `text` is none, or one of another algorithm.
  package init?(parsing text: String) {
    let digits = text.utf8.dropFirst("sha256:".utf8.count)
    guard text.hasPrefix("sha256:"), digits.count == 64,
      digits.allSatisfy({ byte in
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
          || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
      })
    else { return nil }
    self.text = text
  }
}
