internal import Bytes
internal import Linux
internal import Node
internal import Origins
internal import ReadPath
internal import TreeSources

/// A container image in an OCI registry, as `cullet pack` takes it.
enum RegistryImage {
  /// Fetches the layers of the image that `argument` names into `spool`, each proven by its digest.
  static func fetch(_ argument: String, into spool: ArchiveSpool) throws -> TreeInput {
    let client: RegistryClient
    do throws(SourceReferenceError) {
      client = RegistryClient(try RegistryReference(parsing: argument))
    } catch {
      throw Failure(.usage, error.message)
    }
    let name = client.reference.name
    var manifest = try ImageManifest(
      decoding: run { () async throws(OriginError) in try await client.manifest() }, name: name)
    for _ in 0...ImageManifest.nestingLimit {
      switch manifest {
      case .layers(let layers):
        return .layers(try layers.map { try layer($0, of: client, into: spool) }, name: name)
      case .manifest(let blob):
        let digest = try digest(of: blob, name)
        manifest = try ImageManifest(
          decoding: run { () async throws(OriginError) in try await client.manifest(digest) },
          name: name)
      }
    }
    throw TreeSourceError(.malformed("an index names an index, again and again"), name)
  }

  private static func layer(
    _ blob: ImageManifest.Blob, of client: RegistryClient, into spool: ArchiveSpool
  ) throws -> FileContent {
    let name = client.reference.name
    let digest = try digest(of: blob, name)
    guard let byteCount = blob.byteCount else {
      throw TreeSourceError(.malformed("a layer without a size"), name)
    }
    // The client knows errors of its own kind alone.
    let spoolError = Lock<TreeSourceError?>(nil)
    let start = spool.endOffset
    do {
      try run { () async throws(OriginError) in
        try await client.blob(digest, byteCount: byteCount) { piece throws(OriginError) in
          do throws(TreeSourceError) {
            try spool.append(piece.rawSpan)
          } catch {
            spoolError.withLock { $0 = error }
            throw OriginError(.unavailable, error.description)
          }
        }
      }
    } catch {
      throw spoolError.withLock { $0 } ?? error
    }
    return try spool.content(from: start)
  }

  private static func digest(
    of blob: ImageManifest.Blob, _ name: String
  ) throws -> BlobDigest {
    guard let digest = BlobDigest(parsing: blob.digest) else {
      throw TreeSourceError(.unsupported("the digest \(blob.digest)"), name)
    }
    return digest
  }

  private static func run<Value: Sendable>(
    _ operation: @escaping @Sendable () async throws(OriginError) -> Value
  ) throws -> Value {
    do throws(OriginError) {
      return try blockingOn(operation)
    } catch {
      throw Failure(error)
    }
  }
}
