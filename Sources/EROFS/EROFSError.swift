/// Why an image, or a part of it, cannot be read.
///
/// Two families are kept apart: ``Code/unsupported(_:)`` names something the format defines or
/// reserves and this reader lacks; every other code means that the image contradicts itself.
package struct EROFSError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong; the text, where there is one, says which rule was broken.
  package enum Code: Hashable, Sendable {
    /// The superblock's magic number is missing.
    case notAnImage
    /// The superblock's checksum does not match its block.
    case checksumMismatch
    /// The image, or the extra device concerned, ends before something it refers to.
    case outOfBounds(String)
    case badSuperblock(String)
    case badDevice(String)
    case badInode(String)
    case badDirectory(String)
    case badExtendedAttribute(String)
    case badExtent(String)
    /// Compressed data that its codec rejects.
    case badData(String)
    /// A directory is its own ancestor or has two parents.
    case directoryLoop
    /// An operation was applied to the wrong type of file; the image is not at fault.
    case wrongFileType(String)
    /// The data lies on an extra device that was not given.
    case missingDevice(Int)
    /// The named feature is valid but not implemented.
    case unsupported(String)
  }

  package let code: Code
  /// The byte offset in the image at fault, or the number of the node, as the code implies.
  package let offset: UInt64?

  package init(_ code: Code, at offset: UInt64? = nil) {
    self.code = code
    self.offset = offset
  }

  /// Whether the image may be valid and the reader is what falls short.
  package var isUnsupported: Bool {
    if case .unsupported = code { true } else { false }
  }

  /// One line for people.
  package var description: String {
    let place = offset.map { " (at \($0))" } ?? ""
    return "\(summary)\(place)"
  }

  private var summary: String {
    switch code {
    case .notAnImage: "not an EROFS image"
    case .checksumMismatch: "superblock checksum mismatch"
    case .outOfBounds(let what): "\(what) lies outside of the image"
    case .badSuperblock(let reason): "corrupt superblock: \(reason)"
    case .badDevice(let reason): "corrupt device table: \(reason)"
    case .badInode(let reason): "corrupt inode: \(reason)"
    case .badDirectory(let reason): "corrupt directory: \(reason)"
    case .badExtendedAttribute(let reason): "corrupt extended attributes: \(reason)"
    case .badExtent(let reason): "corrupt extent map: \(reason)"
    case .badData(let reason): "corrupt data: \(reason)"
    case .directoryLoop: "corrupt directory tree: a directory is reached twice"
    case .wrongFileType(let wanted): "not a \(wanted)"
    case .missingDevice(let number): "extra device \(number) was not given"
    case .unsupported(let feature): "unsupported: \(feature)"
    }
  }
}
