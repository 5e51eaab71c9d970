import Origins
import Testing

@Suite struct SourceReferenceTests {
  @Test(arguments: [
    ("image.erofs", "file:///home/me/image.erofs"),
    ("./a/../b//c", "file:///home/me/b/c"),
    ("/x/../../y", "file:///y"),
    ("file:///tmp/a%20b", "file:///tmp/a b"),
    ("file:/tmp/a", "file:///tmp/a"),
    ("file://localhost/tmp/a", "file:///tmp/a"),
    ("./oci://x", "file:///home/me/oci:/x"),
    ("HTTP://Example.COM", "http://example.com/"),
    ("http://example.com:80/a?b=c#d", "http://example.com/a?b=c"),
    ("https://example.com:8443/a b/é", "https://example.com:8443/a%20b/%C3%A9"),
    ("https://u:p%40ss@example.com/x", "https://example.com/x"),
    ("http://[::1]:8080/x", "http://[::1]:8080/x"),
    ("http://h?q", "http://h/?q"),
  ])
  func `has one canonical name`(text: String, name: String) throws {
    #expect(try SourceReference(parsing: text, relativeTo: "/home/me").name == name)
  }

  @Test(arguments: ["oci://host/repo:tag", "s3://bucket/key"])
  func `says which kinds of source are not supported yet`(text: String) throws {
    let error = #expect(throws: SourceReferenceError.self) {
      try SourceReference(parsing: text, relativeTo: "/")
    }
    #expect(error?.code == .notSupportedYet)
    #expect(error?.message.contains(String(text.prefix { $0 != ":" }) + "://") == true)
  }

  @Test(arguments: [
    "", "ftp://host/x", "http://", "http:///x", "http://host:0/", "http://host:99999/",
    "http://ho st/", "http://[::1/", "file://host/path", "file:///a%zz", "http://a%zz@h/",
    "http://host:+8/", "a\0b",
  ])
  func `refuses what names nothing`(text: String) {
    let error = #expect(throws: SourceReferenceError.self) {
      try SourceReference(parsing: text, relativeTo: "/")
    }
    #expect(error?.code == .malformed)
  }

  @Test func `secrets stay out of every text`() throws {
    let location = try HTTPLocation(parsing: "https://me:secret@host/a?signature=secret")
    #expect(location.credentials == .init(user: "me", password: "secret"))
    #expect(location.redacted == "https://host/a?…")
    for bad in ["http://me:secret@ho st/?token=secret", "http://me:secret@host:x/"] {
      let error = #expect(throws: SourceReferenceError.self) { try HTTPLocation(parsing: bad) }
      #expect(error?.message.contains("secret") == false)
    }
  }

  @Test(
    arguments: [
      ("https://a/x/y?q", "z", "https://a/x/z"), ("https://a/x/y?q", "/z", "https://a/z"),
      ("https://a/x/y?q", "?r", "https://a/x/y?r"), ("https://a/x", "//b/y", "https://b/y"),
      ("http://a/x", "https://b:8/y", "https://b:8/y"), ("https://a/x", "http://a/x", nil),
      ("http://a/x", "ftp://a/x", nil),
    ] as [(String, String, String?)])
  func `a redirect leads there`(from: String, to: String, expected: String?) throws {
    #expect(try HTTPLocation(parsing: from).following(to)?.name == expected)
  }

  @Test func `a redirect takes credentials to the same origin only`() throws {
    let location = try HTTPLocation(parsing: "https://me:secret@host/a")
    #expect(location.following("/b")?.credentials != nil)
    #expect(location.following("https://other/b")?.credentials == nil)
    #expect(location.following("https://host:444/b")?.credentials == nil)
  }
}
