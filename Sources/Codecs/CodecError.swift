/// Why a compressed stream did not decode to what was asked of it.
package struct CodecError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong with the stream, or with where it is decoded.
  package enum Code: Hashable, Sendable {
    /// The stream breaks the rules of its codec.
    case malformed
    /// The stream ended after fewer bytes than its reader was promised.
    case tooShort(decoded: Int, wanted: Int)
    /// Source or target exceeds what the codec's C interface can express.
    case tooLarge
    /// There is no memory for the decoder's state; the stream may be fine.
    case noMemory
  }

  /// The codec's usual name.
  package let codec: String
  package let code: Code

  package var description: String {
    switch code {
    case .malformed: "malformed \(codec) data"
    case .tooShort(let decoded, let wanted):
      "\(codec) data ends after \(decoded) of \(wanted) bytes"
    case .tooLarge: "\(codec) data of 2 GiB or more"
    case .noMemory: "no memory to decode \(codec) data"
    }
  }
}
