package import Bytes
internal import CCrypto

/// An SHA-256 computation in progress.
///
/// ```
/// var hash = SHA256()
/// hash.update(first)
/// hash.update(second)
/// let digest = hash.finish()
/// ```
@safe
package struct SHA256: ~Copyable {
  private let context: OpaquePointer

  /// A computation that has seen no bytes; traps when libcrypto is out of memory.
  package init() {
    let context = unsafe EVP_MD_CTX_new()
    guard let context = unsafe context, unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
    else { preconditionFailure("libcrypto cannot start SHA-256") }
    unsafe self.context = unsafe context
  }

  deinit {
    unsafe EVP_MD_CTX_free(context)
  }

  /// Feeds `bytes`, after those fed before.
  package mutating func update(_ bytes: RawSpan) {
    let status = unsafe bytes.withUnsafeBytes { buffer in
      unsafe EVP_DigestUpdate(context, buffer.baseAddress, buffer.count)
    }
    precondition(status == 1, "libcrypto failed to hash memory")
  }

  /// The digest of everything fed.
  package consuming func finish() -> Digest {
    var status: Int32 = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: Digest.byteCount) { buffer, filled in
      status = unsafe EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
      filled = Digest.byteCount
    }
    guard status == 1, let digest = Digest(bytes) else {
      preconditionFailure("libcrypto failed to finish SHA-256")
    }
    return digest
  }

  /// The digest of `bytes`.
  package static func digest(of bytes: RawSpan) -> Digest {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finish()
  }
}
