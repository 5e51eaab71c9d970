/// Where two byte sequences part, or nil when they are equal.
///
/// For long contents: the runner describes what failed by comparing element by element, which takes
/// hours for a file's bytes.
package func difference(
  _ actual: some Collection<UInt8>, _ expected: some Collection<UInt8>
) -> String? {
  if actual.elementsEqual(expected) { return nil }
  let common = zip(actual, expected).prefix { $0 == $1 }.count
  guard common < actual.count, common < expected.count else {
    return "\(actual.count) bytes where \(expected.count) were expected"
  }
  let (found, wanted) = (actual.dropFirst(common).prefix(16), expected.dropFirst(common).prefix(16))
  return "from byte \(common): \(Array(found)) where \(Array(wanted)) was expected"
}
