package import Bytes
internal import HTTPSyntax
internal import Linux
package import ReadPath

/// Decides what an answer to a range request means for one object: the only judge of headers.
///
/// Nothing passes that could be bytes of another version, of another place, or encoded ones.
package struct ResponseCheck: Sendable {
  /// The object's URL for messages, free of secrets.
  private let subject: String

  package init(subject: String) {
    self.subject = subject
  }

  /// The version that the answer to a request for the first byte tells of.
  package func version(from head: ResponseHead) throws(AttemptFailure) -> ObjectVersion {
    switch head.status {
    case 206:
      try checkEncoding(head)
      guard case .part(let range, let total)? = parsedRange(head), range.offset == 0,
        range.byteCount == 1
      else { throw malformed("Content-Range \(quoted(head.contentRange)) for the first byte") }
      guard let total else { throw malformed("Content-Range does not tell the object's length") }
      return try version(byteCount: total, head)
    case 200 where head.contentLength?.trimmed == "0":
      return try version(byteCount: 0, head)
    case 200:
      throw noRanges()
    case 416:
      // The first byte of an empty object cannot be had.
      guard case .unsatisfied(total: 0)? = parsedRange(head) else {
        throw malformed("status 416 for the first byte")
      }
      return try version(byteCount: 0, head)
    default:
      throw failure(head)
    }
  }

  /// Passes when the body that follows `head` is exactly `range` of `version`.
  package func check(
    _ head: ResponseHead, isPart range: ByteRange, of version: ObjectVersion
  ) throws(AttemptFailure) {
    switch head.status {
    case 206:
      try checkEncoding(head)
      guard case .part(let part, let total)? = parsedRange(head) else {
        throw malformed("Content-Range \(quoted(head.contentRange))")
      }
      let current = ObjectVersion(
        byteCount: total ?? version.byteCount, entityTag: head.entityTag?.trimmed,
        lastModified: head.lastModified?.trimmed)
      try check(current, is: version)
      guard part == range else {
        throw malformed(
          "bytes \(part.offset)-\(part.end - 1) where \(range.offset)-\(range.end - 1) were asked")
      }
      if let length = head.contentLength, UInt64(digits: length.trimmed) != range.byteCount {
        throw malformed("Content-Length \(quoted(length)) for \(range.byteCount) bytes")
      }
    case 200:
      // The whole object instead of a part: the condition may have been ignored as well.
      if let tag = head.entityTag?.trimmed, let known = version.entityTag, tag != known {
        throw changed(nil)
      }
      if let length = head.contentLength.flatMap({ UInt64(digits: $0.trimmed) }),
        length != version.byteCount
      {
        throw changed(nil)
      }
      throw noRanges()
    case 412:
      throw changed(nil)
    case 416:
      guard case .unsatisfied(let total)? = parsedRange(head), total == version.byteCount else {
        throw changed(nil)
      }
      throw malformed("status 416 for a range within the object")
    default:
      throw failure(head)
    }
  }

  /// The failure that any other status stands for.
  package func failure(_ head: ResponseHead) -> AttemptFailure {
    switch head.status {
    case 404, 410:
      verdict(.notFound, "not found (status \(head.status)); check the address")
    case 401, 403, 407, 451:
      verdict(.forbidden, "access refused (status \(head.status)); check the credentials")
    case 408, 425, 429, 500...599:
      .transient(
        reason: "status \(head.status)",
        retryAfter: head.retryAfterNanoseconds(now: WallClock.now / 1_000_000_000))
    case 300...399:
      verdict(.malformed, "status \(head.status) without a place to go on")
    default:
      verdict(.unsupported, "status \(head.status) for a plain range request; check the address")
    }
  }

  /// A final failure with a message that names the object.
  package func verdict(_ code: OriginError.Code, _ text: String) -> AttemptFailure {
    .final(OriginError(code, "\(subject): \(text)"))
  }

  private func version(
    byteCount: UInt64, _ head: ResponseHead
  ) throws(AttemptFailure) -> ObjectVersion {
    let tag = head.entityTag?.trimmed
    let date = head.lastModified?.trimmed
    guard byteCount <= UInt64(Int64.max) else { throw malformed("a length beyond 2^63") }
    for validator in [tag, date] {
      if let validator, validator.utf8.count > ObjectVersion.validatorByteCountMax {
        throw malformed("an ETag or date of \(validator.utf8.count) bytes")
      }
    }
    return ObjectVersion(byteCount: byteCount, entityTag: tag, lastModified: date)
  }

  private func check(
    _ current: ObjectVersion, is version: ObjectVersion
  ) throws(AttemptFailure) {
    guard current != version else { return }
    // A field that was there and is now left out is no proof of a change, nor of sameness.
    let lacksTag = version.entityTag != nil && current.entityTag == nil
    let lacksDate =
      version.strongEntityTag == nil && version.lastModified != nil && current.lastModified == nil
    if current.byteCount == version.byteCount && (lacksTag || lacksDate) {
      throw malformed("no \(lacksTag ? "ETag" : "Last-Modified") beside the bytes, as before")
    }
    throw changed(current)
  }

  private func checkEncoding(_ head: ResponseHead) throws(AttemptFailure) {
    let encoding = head.contentEncoding?.trimmed.lowercased() ?? ""
    guard encoding.isEmpty || encoding == "identity" else {
      throw verdict(
        .unsupported,
        "served with Content-Encoding \(quoted(encoding)); have the origin serve it as it is stored"
      )
    }
  }

  private func parsedRange(_ head: ResponseHead) -> ContentRange? {
    head.contentRange.flatMap(ContentRange.init(parsing:))
  }

  private func noRanges() -> AttemptFailure {
    verdict(
      .unsupported,
      "the origin does not serve byte ranges; use a server that does, or a local copy")
  }

  private func changed(_ version: ObjectVersion?) -> AttemptFailure {
    verdict(.changed(version), "the origin serves another version now; open it again to use that")
  }

  private func malformed(_ text: String) -> AttemptFailure {
    verdict(.malformed, "the origin answered with \(text); check what stands between it and here")
  }

  /// A field's text, fit for a terminal.
  private func quoted(_ field: String?) -> String {
    guard let field else { return "(none)" }
    let shown = field.utf8.prefix(80).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
    return "\"\(String(decoding: shown, as: UTF8.self))\""
  }
}
