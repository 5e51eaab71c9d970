internal import Linux

// Who is charged, when that is not who brought a page in.
extension TierCore {
  /// Pages that are looked at before others may have the lock.
  private static var sliceCount: UInt32 { 8192 }

  /// The number of a new volume; nil when thousands are in use.
  ///
  /// Lock held. When all numbers are taken, nobody is charged any more for pages of volumes that are
  /// gone: O(pages), once in thousands of volumes.
  func takeVolume(pageLimit: Int) -> UInt16? {
    if let number = volumes.take(pageLimit: pageLimit) { return number }
    for page in 0..<UInt32(freshCount) where volumes.isLeftBehind(pages[volume: page]) {
      let state = pages.state(page)
      // Who is charged may be read by whoever has a pin.
      guard state.isReadable, startMove(of: page, in: state) else { continue }
      volumes.charge(TierCharges.nobody)
      volumes.discharge(pages[volume: page])
      pages[volume: page] = TierCharges.nobody
      pages.publish(page, as: state)
    }
    return volumes.take(pageLimit: pageLimit)
  }

  /// Drops pages of domain `number` until it is charged for no more than it may be: compressed ones
  /// and those on probation first.
  ///
  /// O(pages); the lock is taken a few thousand pages at a time.
  func enforceLimit(ofDomain number: UInt16) {
    for takesProtected in [false, true] {
      var first: UInt32 = 0
      while let next = withLock({
        dropPages(of: number, from: first, takingProtected: takesProtected)
      }) { first = next }
    }
  }

  /// Lock held: as ``enforceLimit(ofDomain:)``, for some pages from `first` on; returns where to go on,
  /// nil when that is done.
  private func dropPages(
    of number: UInt16, from first: UInt32, takingProtected: Bool
  ) -> UInt32? {
    let end = min(UInt32(freshCount), first + Self.sliceCount)
    for page in min(first, end)..<end {
      let limit = domains.pageLimit(of: number)
      guard domains.pageCount(of: number) > limit else { return nil }
      guard pages[page].domain == number, pages.state(page).isReadable,
        takingProtected || pages[page].queue != .protected
      else { continue }
      _ = retire(page)
    }
    return end < UInt32(freshCount) ? end : nil
  }
}
