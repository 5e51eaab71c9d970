internal import EROFS
internal import EROFSReader

/// The compressed data found so far: every place once, for files may share it.
///
/// Remembers up to ``countLimit`` places, of about 100 bytes each; what comes later counts as new
/// each time, and its overlaps are not found.
struct StoredClusters {
  static let countLimit = 2_000_000

  struct Place: Hashable {
    var place: Extent.Place
    var offset: UInt64
  }

  struct Cluster {
    var storedByteCount: UInt64
    /// The most bytes that an extent wants of it.
    var decodedByteCount: UInt64
    var algorithm: CompressionAlgorithm
    var nid: UInt64
  }

  /// What an extent means for the check.
  enum Outcome: Equatable {
    /// As much of the data was asked for before.
    case known
    /// The data has to be decoded.
    case unknown
    /// The same place was said to hold something else.
    case contradiction(nid: UInt64)
  }

  private var clusters: [Place: Cluster] = [:]

  /// Notes `extent` of inode `nid`; `sharesPrefixes` when extents may be of different lengths.
  mutating func note(
    _ extent: Extent, _ algorithm: CompressionAlgorithm, nid: UInt64, sharesPrefixes: Bool
  ) -> Outcome {
    let place = Place(place: extent.place, offset: extent.storedOffset)
    guard var known = clusters[place] else {
      if clusters.count < Self.countLimit {
        clusters[place] = Cluster(
          storedByteCount: extent.storedByteCount, decodedByteCount: extent.byteCount,
          algorithm: algorithm, nid: nid)
      }
      return .unknown
    }
    let agrees =
      known.storedByteCount == extent.storedByteCount && known.decodedByteCount == extent.byteCount
    guard known.algorithm == algorithm, sharesPrefixes || agrees else {
      return .contradiction(nid: known.nid)
    }
    let isCovered =
      extent.byteCount <= known.decodedByteCount && extent.storedByteCount >= known.storedByteCount
    known.storedByteCount = max(known.storedByteCount, extent.storedByteCount)
    known.decodedByteCount = max(known.decodedByteCount, extent.byteCount)
    clusters[place] = known
    return isCovered ? .known : .unknown
  }

  /// Neighbours that share bytes without starting together, in order of their places.
  func overlaps() -> [(first: Place, second: Place, nid: UInt64)] {
    let sorted = clusters.keys.filter { if case .device = $0.place { true } else { false } }
      .sorted { ($0.device, $0.offset) < ($1.device, $1.offset) }
    var overlaps: [(first: Place, second: Place, nid: UInt64)] = []
    for (first, second) in zip(sorted, sorted.dropFirst()) where first.place == second.place {
      guard let cluster = clusters[first], let other = clusters[second] else { continue }
      if first.offset + cluster.storedByteCount > second.offset {
        overlaps.append((first, second, other.nid))
      }
    }
    return overlaps
  }
}

extension StoredClusters.Place {
  var device: Int { if case .device(let number) = place { number } else { -1 } }
}
