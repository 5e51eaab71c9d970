internal import HTTPSyntax

/// What a SOURCE argument names: a local image file or an object behind HTTP.
package enum SourceReference: Hashable, Sendable {
  /// An absolute path without `.`, `..` or doubled slashes; symbolic links are not resolved.
  case file(path: String)
  case http(HTTPLocation)

  /// Reads an argument: a path (taken within `directory`, an absolute path), `file:///path`,
  /// `http://…` or `https://…`.
  package init(parsing text: String, relativeTo directory: String) throws(SourceReferenceError) {
    guard let scheme = Self.scheme(of: text) else {
      self = .file(path: try Self.absolute(text, in: directory))
      return
    }
    switch scheme {
    case "file":
      self = .file(path: try Self.path(ofFileURL: text))
    case "http", "https":
      self = .http(try HTTPLocation(parsing: text))
    case "oci", "s3":
      throw SourceReferenceError(
        .notSupportedYet,
        "\(scheme):// sources are not supported yet; use a path, file:///path, http:// or https://")
    default:
      throw SourceReferenceError(
        .malformed,
        "unknown kind of source \"\(scheme)://\"; use a path, file:///path, http:// or https://")
    }
  }

  /// The canonical spelling, equal for two references to the same place; without credentials.
  package var name: String {
    switch self {
    case .file(let path): "file://\(path)"
    case .http(let location): location.name
    }
  }

  /// The lower-case scheme before `://`, or nil for a path: `./a://b` names a file.
  private static func scheme(of text: String) -> String? {
    let bytes = Array(text.utf8)
    let head = bytes.prefix { $0 != UInt8(ascii: ":") }
    let isName = head.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
        UInt8(ascii: "."):
        true
      default:
        false
      }
    }
    guard isName, !head.isEmpty, bytes.dropFirst(head.count).starts(with: "://".utf8) else {
      // RFC 8089 allows file:/path with a single slash.
      return bytes.starts(with: "file:/".utf8) ? "file" : nil
    }
    return String(decoding: head, as: UTF8.self).lowercased()
  }

  private static func path(ofFileURL text: String) throws(SourceReferenceError) -> String {
    let rest = text.drop { $0 != ":" }.dropFirst()
    var path = rest
    if rest.hasPrefix("//") {
      path = rest.dropFirst(2)
      if path.hasPrefix("localhost/") { path = path.dropFirst("localhost".count) }
    }
    guard path.hasPrefix("/") else {
      throw SourceReferenceError(.malformed, "\(text): a file URL has three slashes: file:///path")
    }
    guard let bytes = PercentEncoding.decode(path),
      let decoded = String(validating: bytes, as: UTF8.self)
    else {
      throw SourceReferenceError(.malformed, "\(text): the path has a malformed % escape")
    }
    return try absolute(decoded, in: "/")
  }

  private static func absolute(_ path: String, in directory: String) throws(SourceReferenceError)
    -> String
  {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw SourceReferenceError(.malformed, "an empty source; give a path or a URL")
    }
    let whole = path.hasPrefix("/") ? path : "\(directory)/\(path)"
    // `..` is dropped with the name before it, as a shell's `cd` does, for the file need not exist.
    var names: [Substring] = []
    for name in whole.split(separator: "/") where name != "." {
      if name == ".." {
        _ = names.popLast()
      } else {
        names.append(name)
      }
    }
    return "/" + names.joined(separator: "/")
  }
}
