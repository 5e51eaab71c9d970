import Foundation

/// Where two byte sequences part, or nil when they are equal.
///
/// For long contents: the runner describes what failed by comparing element by element, which takes
/// hours for a file's bytes.
package func difference(
  _ actual: some Collection<UInt8>, _ expected: some Collection<UInt8>
) -> String? {
  // Comparing element by element takes a hundred times as long.
  let isSame = actual.withContiguousStorageIfAvailable { actual in
    expected.withContiguousStorageIfAvailable { expected in
      guard let one = actual.baseAddress, let other = expected.baseAddress else {
        return actual.isEmpty && expected.isEmpty
      }
      return actual.count == expected.count && memcmp(one, other, actual.count) == 0
    }
  }
  if isSame == true { return nil }
  let common = zip(actual, expected).prefix { $0 == $1 }.count
  guard common < actual.count, common < expected.count else {
    return "\(actual.count) bytes where \(expected.count) were expected"
  }
  let (found, wanted) = (actual.dropFirst(common).prefix(16), expected.dropFirst(common).prefix(16))
  return "from byte \(common): \(Array(found)) where \(Array(wanted)) was expected"
}
