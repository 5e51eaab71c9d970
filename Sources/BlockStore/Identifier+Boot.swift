internal import Bytes
internal import Linux

extension Identifier {
  /// Names this boot of the machine; a random identifier, equal to none, when it has no name.
  static func ofThisBoot() -> Identifier {
    let path = "/proc/sys/kernel/random/boot_id"
    guard let file = try? FileDescriptor(opening: path, .readOnly),
      let text = try? file.read(byteCount: 64, at: 0), let id = Identifier(uuid: text)
    else { return .random() }
    return id
  }
}
