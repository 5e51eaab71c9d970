internal import CLinux

/// A value that each thread has its own of, for what a callee deep down asks of its thread.
///
/// Made once and kept for the life of the process: the key is never given back.
@safe
package final class ThreadSlot<Value: AnyObject>: Sendable {
  private let key: pthread_key_t

  package init() {
    var key = pthread_key_t()
    let status = unsafe pthread_key_create(&key, nil)
    precondition(status == 0, "the process is out of thread-specific keys")
    self.key = key
  }

  /// The calling thread's value within ``withValue(_:_:)``; nil outside.
  package var value: Value? {
    guard let pointer = unsafe pthread_getspecific(key) else { return nil }
    return unsafe Unmanaged<Value>.fromOpaque(pointer).takeUnretainedValue()
  }

  /// Runs `body` while ``value`` is `value` on the calling thread.
  package func withValue<Failure: Error>(
    _ value: Value, _ body: () throws(Failure) -> Void
  ) throws(Failure) {
    unsafe pthread_setspecific(key, Unmanaged.passUnretained(value).toOpaque())
    defer {
      pthread_setspecific(key, nil)
      // The slot does not hold it.
      extendLifetime(value)
    }
    try body()
  }
}
