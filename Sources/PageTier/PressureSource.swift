internal import Linux

/// A trigger that several hands may hold.
final class PressureSource: Sendable {
  let trigger: PressureTrigger

  init(_ trigger: consuming PressureTrigger) {
    self.trigger = trigger
  }

  /// The triggers of all levels that `make` can set up, the mildest first.
  static func all(
    _ make: (PressureLevel) throws(SystemError) -> PressureTrigger
  ) -> [PressureSource] {
    PressureLevel.allCases.compactMap { level in
      do throws(SystemError) {
        return PressureSource(try make(level))
      } catch {
        // Whatever keeps it from being set up, one does without.
        return nil
      }
    }
  }
}
