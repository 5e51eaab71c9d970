import FUSEServer
import Testing

@Suite struct MountTableTests {
  @Test func `lines are parsed, with and without optional fields, escapes decoded`() {
    let text = #"""
      22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
      90 22 0:45 / /mnt/a\040b\134c ro,nosuid,nodev shared:7 master:2 - fuse.cullet https://x/y\011z ro,user_id=0
      91 22 0:46 /sub /mnt/- rw - fuse.cullet  rw

      """#
    let lines = text.split(separator: "\n").map { $0.drop { $0 == " " } }.joined(separator: "\n")
    let mounts = Mount.parse(Array((lines + "\n").utf8))
    #expect(mounts.map(\.directory) == ["/", "/mnt/a b\\c", "/mnt/-"])
    #expect(mounts.map(\.source) == ["/dev/vda", "https://x/y\tz", ""])
    #expect(mounts.map(\.type) == ["ext4", "fuse.cullet", "fuse.cullet"])
    #expect(mounts.map(\.device) == ["254:0", "0:45", "0:46"])
  }

  @Test func `lines that make no sense are left out`() {
    let lines = ["", " ", "1 2 3", "1 2 3 4 5 6 7", "1 2 3 4 5 6 -", "1 2 3 4 5 6 - type"]
    #expect(Mount.parse(Array(lines.joined(separator: "\n").utf8)) == [])
  }

  @Test func `a backslash without three octal digits stays`() {
    let mounts = Mount.parse(Array(#"1 2 0:3 / /a\04 rw - t s\999\"#.utf8))
    #expect(mounts.map(\.directory) == [#"/a\04"#])
    #expect(mounts.map(\.source) == [#"s\999\"#])
  }
}
