import ImageCheck
import TestSupport
import Testing

@Suite(.enabled(if: SharedData.hasFixtures, "needs the reference images")) struct CleanImageTests {
  @Test(arguments: SharedData.imageNames)
  func `a sound image has no fault`(name: String) throws {
    let faults = try Damage(to: name, keepsChecksum: true).faults(digests: true)
    #expect(faults.map(\.description) == [])
  }
}
