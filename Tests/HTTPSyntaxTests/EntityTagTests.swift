import HTTPSyntax
import TestSupport
import Testing

@Suite struct EntityTagTests {
  @Test func `a list matches each of its tags, commas within quotes included`() {
    let condition = EntityTagCondition(parsing: #""a", W/"b" ,"c,d""#)
    #expect(condition == .tags([#""a""#, #"W/"b""#, #""c,d""#]))
    #expect(condition.matchesStrongly(#""c,d""#))
    #expect(!condition.matchesStrongly(#""d""#))
  }

  @Test func `weak tags match weakly only`() {
    let condition = EntityTagCondition(parsing: #"W/"b""#)
    #expect(!condition.matchesStrongly(#"W/"b""#))
    #expect(!condition.matchesStrongly(#""b""#))
    #expect(condition.matchesWeakly(#""b""#))
  }

  @Test func `a star matches everything`() {
    #expect(EntityTagCondition(parsing: " * ").matchesStrongly(#""x""#))
  }

  @Test func `percent-encoding gives every byte back`() {
    let bytes = (0...255).map { UInt8($0) }
    let text = PercentEncoding.encode(bytes, keeping: "/")
    #expect(PercentEncoding.decode(text) == bytes)
    #expect(text.contains("/") && text.contains("%00") && text.contains("%25"))
    #expect(PercentEncoding.decode("a%2") == nil)
    #expect(PercentEncoding.decode("%zz") == nil)
  }
}
