import Foundation
import TestSupport
import Testing

/// That nothing can be written to a mount, and that the permissions of its files hold, for root and
/// for others: what pjdfstest asks of a filesystem, as far as a read-only one can be asked.
@Suite(.serialized, .enabled(if: Stage.isPossible, "needs root and /dev/fuse"))
struct PermissionTests {
  /// How the image is mounted.
  static let ways: [[String]] = [
    ["--page-cache", "private"], ["--page-cache", "shared"], ["--driver", "kernel"],
  ]

  private let stage: Stage

  init() throws {
    stage = try Stage()
  }

  /// Mounts an image of files and directories with all kinds of modes.
  private func mount(_ options: [String]) throws {
    let tree = stage.directory.file("tree")
    let files = FileManager.default
    for name in ["open", "closed", "group"] {
      try files.createDirectory(atPath: "\(tree)/\(name)", withIntermediateDirectories: true)
      try Data("content\n".utf8).write(to: URL(filePath: "\(tree)/\(name)/file"))
    }
    for (path, mode) in [
      ("open", 0o755), ("open/file", 0o644), ("closed", 0o700), ("closed/file", 0o644),
      ("group", 0o750), ("group/file", 0o640),
    ] { try #require(chmod("\(tree)/\(path)", mode_t(mode)) == 0) }
    for (name, mode, owner, group) in [
      ("secret", 0o600, 0, 0), ("mine", 0o400, 65_534, 65_534), ("theirs", 0o040, 0, 4711),
      ("nobody", 0o000, 65_534, 65_534), ("program", 0o711, 0, 0), ("setuid", 0o4755, 0, 0),
    ] {
      let path = "\(tree)/\(name)"
      try Data("#!/bin/sh\nid -u\n".utf8).write(to: URL(filePath: path))
      try #require(chown(path, uid_t(owner), gid_t(group)) == 0)
      try #require(chmod(path, mode_t(mode)) == 0)
    }
    for path in ["group", "group/file"] { try #require(chown("\(tree)/\(path)", 0, 4711) == 0) }
    try files.createSymbolicLink(atPath: "\(tree)/link", withDestinationPath: "open/file")
    try #require(chmod(stage.directory.path, 0o755) == 0)
    let image = stage.directory.file("image.erofs")
    try stage.succeed("pack", "--quiet", "--fingerprints", "-o", image, tree)
    try stage.succeed(["mount", image, stage.mountPoint] + options)
  }

  /// Whether a shell with the user and groups of `identity` succeeds with `script` on the mount.
  private func can(_ script: String, _ identity: [String] = []) throws -> Bool {
    let command = try Command(
      ["setpriv"] + identity + ["sh", "-c", "cd \"$0\" && \(script)", stage.mountPoint])
    return command.status == 0
  }

  private let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"]
  private let member = ["--reuid=65534", "--regid=65534", "--groups=4711"]

  /// Mounts `$0` once more at `$1`, with owners from 100,000 on in place of those from 0 on.
  ///
  /// By the kernel's calls: open_tree, mount_setattr with MOUNT_ATTR_IDMAP, and move_mount.
  private static let mapOwners = """
    unshare --user sleep 60 & keeper=$!
    trap 'kill -KILL $keeper' EXIT
    for i in $(seq 100); do
      [ "$(readlink /proc/$keeper/ns/user)" = "$(readlink /proc/self/ns/user)" ] || break
      sleep 0.05
    done
    for kind in uid gid; do echo 0 100000 65536 >/proc/$keeper/${kind}_map; done
    perl -e '
      my ($from, $to, $here) = ("$ARGV[1]\\0", "$ARGV[2]\\0", "\\0");
      open my $namespace, "<", "/proc/$ARGV[0]/ns/user" or die "namespace: $!";
      my $tree = syscall 428, -100, $from, 1;
      die "open_tree: $!" if $tree < 0;
      my $attributes = pack "Q4", 0x100000, 0, 0, fileno $namespace;
      die "mount_setattr: $!" if syscall 442, $tree, $here, 0x1000, $attributes, 32;
      die "move_mount: $!" if syscall 429, $tree, $here, -100, $to, 4;
    ' $keeper "$0" "$1"
    """

  @Test(arguments: ways)
  func `a mount can be shown with other owners`(way: [String]) throws {
    try mount(way)
    let mapped = stage.directory.file("mapped")
    try FileManager.default.createDirectory(atPath: mapped, withIntermediateDirectories: false)
    let outcome = try Command(["sh", "-c", Self.mapOwners, stage.mountPoint, mapped])
    try #require(outcome.status == 0, "\(outcome.errors)")
    defer { _ = try? Command(["umount", mapped]) }
    let files = ["secret", "mine", "theirs"].map { "\(mapped)/\($0)" }
    let owners = try Command(["stat", "-c", "%u:%g"] + files)
    #expect(owners.text == "100000:100000\n165534:165534\n100000:104711\n")
    let owner = ["--reuid=165534", "--regid=165534", "--clear-groups"]
    #expect(try Command(["setpriv"] + owner + ["cat", "\(mapped)/mine"]).status == 0)
    #expect(try Command(["setpriv"] + nobody + ["cat", "\(mapped)/mine"]).status != 0)
  }

  @Test(arguments: ways)
  func `nothing can be written, not even by root`(way: [String]) throws {
    try mount(way)
    for script in [
      "echo x >open/file", "echo x >>open/file", "echo x >new", "mkdir new", "rmdir open",
      "rm -f open/file", "mv open/file open/other", "mv open other", "ln open/file new",
      "ln -s open new", "mkfifo new", "mknod new c 1 3", "chmod 600 open/file",
      "chown 1 open/file", "chown -h 1 link", "touch open/file", "touch -h link",
      "truncate -s 0 open/file", "truncate -s 100 open/file", "fallocate -l 100 open/file",
      "setfattr -n user.a -v b open/file 2>&1 | grep -v . && false",
      "cp /dev/null open/file", "dd if=/dev/zero of=open/file count=1 conv=notrunc",
      "mount -o remount,rw . && echo x >new",
    ] { #expect(try !can("{ \(script); } 2>/dev/null"), "\(script)") }
    #expect(try can("test \"$(cat open/file)\" = content && test ! -e new"))
    let refusal = try Command(["sh", "-c", "echo x >'\(stage.mountPoint)/new'"])
    #expect(refusal.errors.contains("Read-only file system"))
    try stage.succeed("unmount", stage.mountPoint)
  }

  @Test(arguments: ways)
  func `permissions hold for other users`(way: [String]) throws {
    try mount(way)
    // Root may read all of it; execution needs a bit.
    for script in ["cat secret", "cat nobody", "cat closed/file", "./program", "! ./secret"] {
      #expect(try can("\(script) >/dev/null 2>&1"), "root: \(script)")
    }
    for script in [
      "cat open/file", "cat link", "cat mine", "! cat secret", "! cat closed/file", "! ls closed",
      "! cat group/file", "! ls group", "! cat theirs", "! cat nobody", "! cat program",
      "test -x program", "! test -x secret",
      // Set-user-ID bits are shown, but do nothing.
      "test -u setuid && test \"$(./setuid)\" = 65534",
    ] { #expect(try can("\(script) >/dev/null 2>&1", nobody), "nobody: \(script)") }
    for script in ["cat group/file", "ls group", "cat theirs", "! cat secret"] {
      #expect(try can("\(script) >/dev/null 2>&1", member), "member: \(script)")
    }
    try stage.succeed("unmount", stage.mountPoint)
  }
}
