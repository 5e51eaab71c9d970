import Foundation
import TestSupport

/// Images of a real tree: thousands of files of this machine, and one of each special kind.
enum RealTree {
  /// The tree, copied once a process.
  private static let tree: Result<TemporaryDirectory, any Error> = Result {
    let directory = try TemporaryDirectory.untilExit()
    let script = """
      set -e
      mkdir share special && cd share
      # From a list of usual suspects until there is enough of everything.
      for part in zoneinfo perl perl5 doc locale man; do
        [ -d "/usr/share/$part" ] && cp -a "/usr/share/$part" . || continue
        [ "$(find . -type f | wc -l)" -ge 6000 ] && break
      done
      cd ../special
      mknod char c 259 70000; mknod block b 8 1; mkfifo fifo
      ln -s ../share/nowhere dangling
      head -c 300000 /dev/urandom > random; ln random second-name; ln random third-name
      head -c 5000000 /dev/zero > zeros; truncate -s 0 empty
      printf 'tail' > small; chmod 4755 small; chown 1234:70000 small
      touch -d '1969-12-31T23:59:59.25Z' before-epoch
      setfattr -n user.one -v 1 small; setfattr -n trusted.two -v 22 small
      setfattr -n user.one -v 1 random; setfattr -n security.three -v 333 empty
      for n in $(seq 1 40); do touch "many-$n"; setfattr -n user.same -v "a value that is shared" "many-$n"; done
      """
    let command = try Command(["bash", "-c", script], in: directory.path)
    guard command.status == 0 else { throw StageError("no tree: \(command.errors)") }
    return directory
  }

  /// Makes `image` of the tree with mkfs.erofs and `options`.
  static func makeImage(_ image: String, options: [String]) throws {
    let command = try Command(
      ["mkfs.erofs", "--quiet"] + options + [image, try tree.get().path])
    guard command.status == 0 else { throw StageError("mkfs.erofs: \(command.errors)") }
  }
}
