internal import HTTPSyntax

/// An http or https URL, taken apart and made canonical.
///
/// Scheme and host are lower-case, the default port and the fragment are gone, the path starts
/// with a slash, and bytes that a request line cannot carry are percent-encoded.
package struct HTTPLocation: Hashable, Sendable {
  /// A user name and password from the URL; kept out of every text that this type gives.
  package struct Credentials: Hashable, Sendable {
    package let user: String
    package let password: String

    package init(user: String, password: String) {
      self.user = user
      self.password = password
    }
  }

  package let isSecure: Bool
  /// The host name or address; IPv6 addresses keep their brackets.
  package let host: String
  package let port: UInt16
  /// Path and query, as a request line carries them.
  package let target: String
  package let credentials: Credentials?

  private init(
    isSecure: Bool, host: String, port: UInt16, target: String, credentials: Credentials?
  ) {
    self.isSecure = isSecure
    self.host = host
    self.port = port
    self.target = target
    self.credentials = credentials
  }

  /// Takes `text` apart; throws what is wrong with it, without repeating credentials.
  package init(parsing text: String) throws(SourceReferenceError) {
    let shown = Self.redacted(text)
    let lowered = text.prefix(8).lowercased()
    guard lowered.hasPrefix("http://") || lowered.hasPrefix("https://") else {
      throw SourceReferenceError(.malformed, "\(shown): not an http or https URL")
    }
    let isSecure = lowered.hasPrefix("https")
    let rest = text.dropFirst(isSecure ? 8 : 7)
    let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    let tail = rest.dropFirst(authority.count).prefix { $0 != "#" }
    let at = authority.lastIndex(of: "@")
    let place = at.map { authority[authority.index(after: $0)...] } ?? authority
    guard let (host, port) = Self.hostAndPort(place, defaultPort: isSecure ? 443 : 80) else {
      throw SourceReferenceError(.malformed, "\(shown): the host or port is malformed")
    }
    var credentials: Credentials?
    if let at {
      guard let parsed = Self.credentials(authority[..<at]) else {
        throw SourceReferenceError(.malformed, "\(shown): the user name or password is malformed")
      }
      credentials = parsed
    }
    let target = PercentEncoding.encode(Array(tail.utf8), keeping: "/?%:@!$&'()*+,;=[]")
    self.init(
      isSecure: isSecure, host: host, port: port,
      target: target.hasPrefix("/") ? target : "/" + target, credentials: credentials)
  }

  /// The whole URL without credentials: what is requested, and the object's key in the cache.
  package var name: String { "\(origin)\(target)" }

  /// The URL for messages: without credentials, and without a query, which may hold a signature.
  package var redacted: String {
    let path = target.prefix { $0 != "?" }
    return "\(origin)\(path)\(path.utf8.count == target.utf8.count ? "" : "?…")"
  }

  /// Scheme, host and, unless it is the default, port.
  package var origin: String {
    let isDefault = port == (isSecure ? 443 : 80)
    return "\(isSecure ? "https" : "http")://\(host)\(isDefault ? "" : ":\(port)")"
  }

  /// Where a redirect from here to `reference` leads.
  ///
  /// Nil when Cullet does not go there: another scheme, or from https down to http. Credentials
  /// are kept within the same origin only.
  package func following(_ reference: String) -> HTTPLocation? {
    let text: String
    if reference.contains("://") {
      text = reference
    } else if reference.hasPrefix("//") {
      text = (isSecure ? "https:" : "http:") + reference
    } else if reference.hasPrefix("/") {
      text = origin + reference
    } else {
      let path = target.prefix { $0 != "?" }
      let base =
        reference.hasPrefix("?") ? path : path[...(path.lastIndex(of: "/") ?? path.startIndex)]
      text = origin + base + reference
    }
    guard let next = try? HTTPLocation(parsing: text), next.isSecure || !isSecure else {
      return nil
    }
    return HTTPLocation(
      isSecure: next.isSecure, host: next.host, port: next.port, target: next.target,
      credentials: next.origin == origin ? credentials : nil)
  }

  private static func hostAndPort(
    _ text: Substring, defaultPort: UInt16
  ) -> (String, UInt16)? {
    let isBracketed = text.hasPrefix("[")
    let host: Substring
    if isBracketed {
      guard let close = text.firstIndex(of: "]") else { return nil }
      host = text[...close]
    } else {
      host = text.prefix { $0 != ":" }
    }
    let allowed = Set((isBracketed ? "[]:.0123456789abcdefABCDEF" : "-._").utf8)
    let isPlain = host.utf8.allSatisfy { byte in
      allowed.contains(byte) || !isBracketed && Self.isAlphanumeric(byte)
    }
    guard isPlain, host.utf8.count > (isBracketed ? 2 : 0), host.utf8.count <= 255 else {
      return nil
    }
    let rest = text.dropFirst(host.count)
    guard !rest.isEmpty, rest != ":" else { return (host.lowercased(), defaultPort) }
    guard rest.hasPrefix(":"), let number = UInt64(digits: rest.dropFirst()),
      let port = UInt16(exactly: number), port > 0
    else { return nil }
    return (host.lowercased(), port)
  }

  private static func credentials(_ text: Substring) -> Credentials? {
    let user = text.prefix { $0 != ":" }
    let password = text.dropFirst(user.count).dropFirst()
    guard let userBytes = PercentEncoding.decode(user),
      let passwordBytes = PercentEncoding.decode(password),
      let userText = String(validating: userBytes, as: UTF8.self),
      let passwordText = String(validating: passwordBytes, as: UTF8.self)
    else { return nil }
    return Credentials(user: userText, password: passwordText)
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default:
      false
    }
  }

  /// A text that may not parse, without anything that may be a secret.
  private static func redacted(_ text: String) -> String {
    let path = text.prefix { $0 != "?" && $0 != "#" }
    guard let at = path.lastIndex(of: "@"), let colon = path.firstIndex(of: ":"), colon < at else {
      return String(path)
    }
    return path[...colon] + "//" + path[path.index(after: at)...]
  }
}
