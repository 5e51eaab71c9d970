internal import HTTPSyntax

/// How a registry wants to be asked: its WWW-Authenticate field (RFC 9110, 11.6.1).
///
/// Source of the token exchange: the token authentication of the OCI distribution specification's
/// implementations.
package enum RegistryChallenge: Hashable, Sendable {
  case basic
  /// A token is to be had at `realm`, for a service and a scope.
  case bearer(realm: String, service: String?, scope: String?)

  /// The challenge of `field`, or nil for none that can be met.
  package init?(parsing field: String) {
    let scheme = field.prefix { $0 != " " }.lowercased()
    if scheme == "basic" {
      self = .basic
      return
    }
    let parameters = Self.parameters(field.dropFirst(scheme.count))
    guard scheme == "bearer", let realm = parameters["realm"], !realm.isEmpty else { return nil }
    self = .bearer(realm: realm, service: parameters["service"], scope: parameters["scope"])
  }

  /// Where the token is asked for; nil unless it is a place that an http client may ask.
  func tokenLocation(defaultScope: String) -> HTTPLocation? {
    guard case .bearer(let realm, let service, let scope) = self else { return nil }
    let pairs = [("service", service), ("scope", scope ?? defaultScope)]
    let query = pairs.compactMap { name, value in
      value.map { "\(name)=\(PercentEncoding.encode(Array($0.utf8), keeping: ":/,"))" }
    }
    let joint = realm.contains("?") ? "&" : "?"
    return try? HTTPLocation(parsing: realm + joint + query.joined(separator: "&"))
  }

  /// `name=value` and `name="value"`, separated by commas, names in small letters.
  private static func parameters(_ text: Substring) -> [String: String] {
    var parameters: [String: String] = [:]
    var rest = text
    while let equals = rest.firstIndex(of: "=") {
      let name = rest[..<equals].drop { $0 == " " || $0 == "," }.lowercased()
      rest = rest[equals...].dropFirst()
      let value: Substring
      if rest.first == "\"" {
        value = rest.dropFirst().prefix { $0 != "\"" }
        rest = rest.dropFirst(value.count + 2)
      } else {
        value = rest.prefix { $0 != "," }
        rest = rest.dropFirst(value.count)
      }
      parameters[name] = String(value)
    }
    return parameters
  }
}
