internal import Linux

/// What threads take for themselves for a while, a few of which are kept while nobody uses them.
///
/// Thread-safe, whatever the elements are.
final class IdlePool<Element>: Sendable {
  /// As many as are kept for later: an LZMA dictionary may have 8 MiB.
  private static var idleCountLimit: Int { 4 }

  private let idle = Lock([Element]())
  private let make: @Sendable () -> Element

  init(_ make: @escaping @Sendable () -> Element) {
    self.make = make
  }

  /// An element for the caller alone, to be given back.
  func take() -> Element {
    idle.withLock { $0.popLast() } ?? make()
  }

  /// Lets go of what nobody uses.
  func removeAll() {
    let removed = idle.withLock { idle in
      defer { idle = [] }
      return idle
    }
    _ = removed
  }

  /// Takes `element` back, which its caller uses no more.
  func give(_ element: Element) {
    idle.withLock { if $0.count < Self.idleCountLimit { $0.append(element) } }
  }
}
