import ReadPath
import TestSupport
import Testing

@Suite struct ObjectVersionTests {
  @Test func `a strong tag decides alone, a weak one together with the date`() {
    let strong = ObjectVersion(byteCount: 5, entityTag: #""a""#, lastModified: "Monday")
    #expect(strong == ObjectVersion(byteCount: 5, entityTag: #""a""#, lastModified: "Tuesday"))
    #expect(strong != ObjectVersion(byteCount: 5, entityTag: #""b""#, lastModified: "Monday"))
    #expect(strong != ObjectVersion(byteCount: 6, entityTag: #""a""#, lastModified: "Monday"))
    let weak = ObjectVersion(byteCount: 5, entityTag: #"W/"a""#, lastModified: "Monday")
    #expect(weak.strongEntityTag == nil)
    #expect(weak != ObjectVersion(byteCount: 5, entityTag: #"W/"a""#, lastModified: "Tuesday"))
  }

  @Test(arguments: [#""a"#, "a", #""a"b""#, "\"a b\"", "", "\""])
  func `a tag that is not well-formed is not strong`(tag: String) {
    #expect(ObjectVersion(byteCount: 1, entityTag: tag).strongEntityTag == nil)
  }

  @Test(arguments: [
    ObjectVersion(byteCount: 0), ObjectVersion(byteCount: .max, entityTag: #""x-é""#),
    ObjectVersion(byteCount: 7, lastModified: "Sun, 06 Nov 1994 08:49:37 GMT"),
    ObjectVersion(byteCount: 7, entityTag: "W/\"\"", lastModified: ""),
  ])
  func `the stored form gives the version back`(version: ObjectVersion) {
    #expect(ObjectVersion(coherency: version.coherency) == version)
  }

  @Test func `the stored form has a fixed layout`() {
    let version = ObjectVersion(byteCount: 0x0102, entityTag: #""a""#, lastModified: "x")
    #expect(
      version.coherency == [1, 2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0xFF, 0xFF, 0x22, 0x61, 0x22])
  }

  @Test func `a damaged stored form is refused, never misread`() {
    let whole = ObjectVersion(byteCount: 9, entityTag: "W/\"a\"", lastModified: "date").coherency
    for count in 0..<whole.count {
      #expect(ObjectVersion(coherency: Array(whole.prefix(count))) == nil)
    }
    #expect(ObjectVersion(coherency: whole + [0]) == nil)
    var random = SeededGenerator(for: "coherency fuzz")
    for _ in 0..<5000 {
      let bytes = [1] + random.bytes(count: Int.random(in: 0...40, using: &random))
      guard let version = ObjectVersion(coherency: bytes) else { continue }
      #expect(ObjectVersion(coherency: version.coherency) == version)
    }
  }
}
