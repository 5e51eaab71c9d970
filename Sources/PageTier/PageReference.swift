/// What a file's map says about one of its pages: nothing, all zeros, or which page of the tier.
///
/// A reference to a page outlives the page: the generation tells. Such a stale reference also says
/// that the file's page had been here before.
struct PageReference: Equatable, Sendable {
  static let none = PageReference(rawValue: 0)
  static let zeros = PageReference(rawValue: 0xFFFF_FFFF)

  let rawValue: UInt64

  init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// Page `page` of the tier while its generation is `generation`.
  init(page: UInt32, generation: UInt32) {
    rawValue = UInt64(generation) << 32 | UInt64(page + 1)
  }

  /// Whether this names a page of the tier, be it stale.
  var isPage: Bool { self != .none && self != .zeros }

  /// The page's number; only for references that name one.
  var page: UInt32 { UInt32(truncatingIfNeeded: rawValue) &- 1 }

  var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }
}
