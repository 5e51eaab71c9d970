internal import Bytes
internal import EROFS

/// Extended attributes that several inodes have in common, stored once.
struct SharedAttributes: Sendable {
  /// What has more users than this is shared: the inode's reference takes 4 bytes, too.
  private static let userCountLimit = 2
  /// References are counted in a byte.
  private static let referenceCountLimit = 255

  /// The shared area.
  private(set) var bytes: [UInt8] = []
  private var ids: [AttributeFields: UInt32] = [:]

  init() {}

  /// What is to be shared of the attributes of all inodes.
  init(of inodes: [[(name: [UInt8], value: [UInt8])]]) {
    var counts: [AttributeFields: Int] = [:]
    for attributes in inodes {
      for attribute in attributes {
        if let fields = Self.fields(attribute) { counts[fields, default: 0] += 1 }
      }
    }
    let shared = counts.filter { $0.value > Self.userCountLimit }.keys.sorted {
      ($0.nameIndex, $0.suffix.hex, $0.value.hex) < ($1.nameIndex, $1.suffix.hex, $1.value.hex)
    }
    var writer = ByteWriter()
    for fields in shared {
      ids[fields] = UInt32(writer.bytes.count / 4)
      fields.encode(into: &writer)
    }
    bytes = writer.bytes
  }

  /// The attributes behind an inode that has `attributes`.
  ///
  /// Linux knows four namespaces and the two ACLs; names in others cannot be stored, and no kernel
  /// would show them.
  func area(of attributes: [(name: [UInt8], value: [UInt8])]) throws(BuildError) -> AttributeArea {
    var area = AttributeArea()
    for attribute in attributes {
      guard let fields = Self.fields(attribute) else { continue }
      guard fields.suffix.count <= 255, fields.value.count <= 65_535 else {
        throw .limit("extended attribute \(FileName(attribute.name).text) is too long")
      }
      area.presentNames |= AttributeFilter.bit(
        namespace: fields.nameIndex, rest: fields.suffix.rawSpan)
      if let id = ids[fields], area.sharedIDs.count < Self.referenceCountLimit {
        area.sharedIDs.append(id)
      } else {
        area.own.append(fields)
      }
    }
    return area
  }

  private static func fields(_ attribute: (name: [UInt8], value: [UInt8])) -> AttributeFields? {
    guard let (namespace, rest) = AttributeNamespace.split(attribute.name) else { return nil }
    return AttributeFields(nameIndex: namespace, suffix: Array(rest), value: attribute.value)
  }
}
