/// What a session has done since it began, summed over its threads.
package struct SessionCounts: Equatable, Sendable {
  package var requestCount: UInt64 = 0
  /// Requests answered with an error, "no such attribute" included.
  package var failureCount: UInt64 = 0
  /// Replies that the kernel would not take; always a defect.
  package var lostReplyCount: UInt64 = 0

  package init() {}
}
