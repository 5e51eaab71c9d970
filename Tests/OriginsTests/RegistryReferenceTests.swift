import Origins
import Testing

@Suite struct RegistryReferenceTests {
  @Test(arguments: [
    ("oci://registry.test/a/b", "oci://registry.test/a/b:latest"),
    ("oci://registry.test:5000/a:1.2_x-y", "oci://registry.test:5000/a:1.2_x-y"),
    ("oci://user:secret@registry.test/a:1", "oci://registry.test/a:1"),
    ("oci://127.0.0.1:5000/a:1", "oci://127.0.0.1:5000/a:1"),
  ])
  func `an image is named by host, repository and tag`(text: String, name: String) throws {
    #expect(try RegistryReference(parsing: text).name == name)
  }

  @Test func `a digest outdoes a tag`() throws {
    let digest = "sha256:" + String(repeating: "0a", count: 32)
    let reference = try RegistryReference(parsing: "oci://registry.test/a:1@\(digest)")
    #expect(reference.target == digest)
    #expect(reference.name == "oci://registry.test/a@\(digest)")
  }

  @Test(arguments: [
    "oci://", "oci://registry.test", "oci://registry.test/", "oci:///a", "oci://registry.test/A",
    "oci://registry.test/a//b", "oci://registry.test/../a", "oci://registry.test/a:",
    "oci://registry.test/a@sha256:12", "oci://registry.test/a@md5:12", "oci://registry.test/a b",
    "oci://registry.test:x/a", "oci://registry.test/a?b", "https://registry.test/a",
  ])
  func `anything else is refused`(text: String) {
    #expect(throws: SourceReferenceError.self) { try RegistryReference(parsing: text) }
  }

  @Test func `a refusal shows no password`() {
    let error = #expect(throws: SourceReferenceError.self) {
      try RegistryReference(parsing: "oci://user:secret@registry.test:x/a")
    }
    #expect(error?.message.contains("secret") == false)
  }

  @Test(arguments: [
    (#"Basic realm="x""#, RegistryChallenge.basic),
    (
      #"Bearer realm="https://a.test/t",service="r",scope="repository:a/b:pull,push""#,
      .bearer(realm: "https://a.test/t", service: "r", scope: "repository:a/b:pull,push")
    ),
    ("bearer realm=https://a.test", .bearer(realm: "https://a.test", service: nil, scope: nil)),
    ("Bearer service=r", nil), ("Negotiate", nil), ("", nil), (#"Bearer realm=""#, nil),
  ])
  func `a challenge says where a token is to be had`(
    field: String, challenge: RegistryChallenge?
  ) {
    #expect(RegistryChallenge(parsing: field) == challenge)
  }
}
