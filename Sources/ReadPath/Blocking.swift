internal import Linux

/// Runs `operation` on the cooperative pool while the calling thread sleeps.
///
/// Only for threads of our own: from a task it would hold up the pool it waits for.
package func blockingOn<Value: Sendable, Failure: Error>(
  _ operation: @escaping @Sendable () async throws(Failure) -> Value
) throws(Failure) -> Value {
  let slot = Lock<Result<Value, Failure>?>(nil)
  Task.detached {
    let outcome: Result<Value, Failure>
    do throws(Failure) {
      outcome = .success(try await operation())
    } catch {
      outcome = .failure(error)
    }
    slot.withLock { $0 = outcome }
    slot.signalAll()
  }
  let outcome: Result<Value, Failure>? = slot.wait { $0 }
  switch outcome {
  case .success(let value): return value
  case .failure(let error): throw error
  case nil: preconditionFailure("a wait without a deadline has a result")
  }
}
