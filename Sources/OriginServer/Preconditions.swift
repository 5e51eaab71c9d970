internal import Bytes
internal import HTTPSyntax
internal import HTTPTypes

/// The conditions and range of a request, weighed against a file (RFC 9110, 13.2.2).
struct Preconditions {
  enum Outcome: Hashable, Sendable {
    case whole
    case part(ByteRange)
    case notModified
    case failed
    case unsatisfiable
  }

  /// What to answer to a GET or HEAD with `fields` for the file that the validators describe.
  static func outcome(
    _ fields: HTTPFields, method: HTTPRequest.Method, entityTag: String, lastModified: HTTPDate,
    byteCount: UInt64
  ) -> Outcome {
    if let condition = tags(fields, .ifMatch) {
      guard condition.matchesStrongly(entityTag) else { return .failed }
    } else if let date = date(fields, .ifUnmodifiedSince) {
      guard lastModified <= date else { return .failed }
    }
    if let condition = tags(fields, .ifNoneMatch) {
      guard !condition.matchesWeakly(entityTag) else { return .notModified }
    } else if let date = date(fields, .ifModifiedSince) {
      guard lastModified > date else { return .notModified }
    }
    // Range is defined for GET alone.
    guard method == .get, let range = fields[.range].flatMap(RangeRequest.init(parsing:)),
      rangeApplies(fields, entityTag: entityTag, lastModified: lastModified)
    else { return .whole }
    guard let part = range.resolved(total: byteCount) else { return .unsatisfiable }
    return .part(part)
  }

  /// If-Range: the range counts only for the very version that the client holds a part of.
  private static func rangeApplies(
    _ fields: HTTPFields, entityTag: String, lastModified: HTTPDate
  ) -> Bool {
    guard let text = fields[.ifRange] else { return true }
    if let date = HTTPDate(parsing: text) { return date == lastModified }
    return EntityTagCondition(parsing: text) == .tags([entityTag])
  }

  private static func tags(
    _ fields: HTTPFields, _ name: HTTPField.Name
  ) -> EntityTagCondition? {
    fields[name].map(EntityTagCondition.init(parsing:))
  }

  private static func date(_ fields: HTTPFields, _ name: HTTPField.Name) -> HTTPDate? {
    fields[name].flatMap(HTTPDate.init(parsing:))
  }
}
