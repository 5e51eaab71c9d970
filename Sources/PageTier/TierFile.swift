internal import Bytes

/// One file's pages in the tier, be it of one image or shared by several.
///
/// Made by ``PageTier/makeFile(byteCount:volume:)``. Thread-safe: readers walk its map without a
/// lock.
package final class TierFile: Sendable {
  package let byteCount: UInt64
  let domain: TierDomain
  let map: FileMap
  /// Keeps the number of the volume that is charged, nil when nobody is.
  ///
  /// Guarded by the tier's lock.
  nonisolated(unsafe) private var owner: TierVolume?
  /// Of the owner; guarded by the tier's lock.
  nonisolated(unsafe) private var number: UInt16
  /// Set under the tier's lock when the file is taken out: nothing is kept for it afterwards.
  nonisolated(unsafe) var isRemoved = false
  /// Set under the tier's lock while only pages that were verified may be kept.
  nonisolated(unsafe) var isSealed = false

  init(byteCount: UInt64, volume: TierVolume) {
    self.byteCount = byteCount
    domain = volume.domain
    unsafe owner = volume
    unsafe number = volume.number
    map = FileMap(pageCount: byteCount.dividedRoundingUp(by: UInt64(PageContent.pageByteCount)))
  }
}

extension TierFile {
  /// Whom a page that is kept is charged to.
  struct Account {
    struct Domain {
      let number: UInt16
    }

    let number: UInt16
    let domain: Domain
  }

  /// Tier's lock held: who is charged for pages that come.
  var volume: Account {
    Account(number: unsafe number, domain: Account.Domain(number: domain.number))
  }

  /// Tier's lock held: charges `heir`, nil for nobody, from now on, if `old` was charged so far.
  ///
  /// Returns what must not be dropped before the lock is free.
  func changeOwner(from old: TierVolume?, to heir: TierVolume?) -> TierVolume? {
    guard unsafe owner === old else { return nil }
    unsafe number = heir?.number ?? TierCharges.nobody
    unsafe owner = heir
    return old
  }
}

/// Whose pages they are: what is charged for them, and within which domain they may be shared.
///
/// One open image, for instance. Its number is free again when the last file of it is gone, and its
/// pages too or somebody needs the number.
package final class TierVolume: Sendable {
  let number: UInt16
  package let domain: TierDomain
  private let core: TierCore

  init(number: UInt16, domain: TierDomain, core: TierCore) {
    self.number = number
    self.domain = domain
    self.core = core
  }

  deinit {
    core.withLock { core.volumes.release(number) }
  }
}

/// Images whose pages may be the same memory.
///
/// Who can read through one image how fast a page comes can tell whether another image of the domain
/// has the same page; nothing crosses domains.
package final class TierDomain: Sendable {
  let number: UInt16
  private let core: TierCore

  init(number: UInt16, core: TierCore) {
    self.number = number
    self.core = core
  }

  deinit {
    core.withLock { core.domains.release(number) }
  }
}
