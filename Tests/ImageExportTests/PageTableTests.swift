import ImageExport
import TestSupport
import Testing

@Suite struct PageTableTests {
  @Test func `knows what a dictionary knows of the pages and of the images before`() {
    var generator = SeededGenerator(for: "PageTableTests")
    // Some hashes lie close together, and some differ in the low half only.
    let keys = (0..<5000 as Range<UInt32>).map { number -> PageTable.Key in
      let high: UInt64 = number % 3 == 0 ? UInt64(number / 6) : generator.next()
      return PageTable.Key(high: high, low: number % 7)
    }
    var table = PageTable()
    var known: [PageTable.Key: (image: UInt32, size: UInt8)] = [:]
    var differences = 0
    for image in [1, 2, 3, PageTable.imageNumberLimit] {
      for _ in 0..<6000 {
        let key = keys[Int.random(in: keys.indices, using: &generator)]
        let size = UInt8.random(in: 0...8, using: &generator)
        let noted = table.note(key, image: image) { size }
        let before = known[key]
        let expectedSize = before?.size ?? size
        if noted.sighting.isFirstInImage != (before?.image != image)
          || noted.sighting.isFirstInSet != (before == nil) || noted.size != expectedSize
        {
          differences += 1
        }
        known[key] = (image, expectedSize)
      }
    }
    #expect(differences == 0)
    #expect(table.count == known.count)
  }

  @Test func `takes 24 bytes for each page at most`() {
    var generator = SeededGenerator(for: "PageTableTests")
    var table = PageTable()
    var most = 0.0
    for count in 1...200_000 {
      let key = PageTable.Key(high: generator.next(), low: 0)
      _ = table.note(key, image: 1) { 8 }
      if count > 1000 { most = max(most, Double(table.byteCount) / Double(table.count)) }
    }
    #expect(most <= 24)
  }
}
