import Bytes
import LMDB
import TestSupport
import Testing

@Suite struct TransactionTests {
  let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func open(mapByteCount: Int = 1 << 20) throws -> Environment {
    try Environment(opening: directory.path, mapByteCount: mapByteCount, tableCount: 4)
  }

  @Test func `what is committed is read back after reopening`() throws {
    do {
      let environment = try open()
      let table = try environment.openTable("t")
      try environment.write { transaction throws(LMDBError) in
        try transaction.put([1, 2, 3].rawSpan, for: [9].rawSpan, in: table)
      }
    }
    let environment = try open()
    let table = try environment.openTable("t")
    let found = try environment.read { transaction throws(LMDBError) -> [UInt8]? in
      try transaction.value(for: [9].rawSpan, in: table)?.copyBytes()
    }
    #expect(found == [1, 2, 3])
  }

  @Test func `a throwing write changes nothing`() throws {
    let environment = try open()
    let table = try environment.openTable("t")
    #expect(throws: LMDBError(.badSize, call: "test")) {
      try environment.write { transaction throws(LMDBError) in
        try transaction.put([1].rawSpan, for: [1].rawSpan, in: table)
        throw LMDBError(.badSize, call: "test")
      }
    }
    let isAbsent = try environment.read { transaction throws(LMDBError) -> Bool in
      try transaction.value(for: [1].rawSpan, in: table) == nil
    }
    #expect(isAbsent)
  }

  @Test func `a cursor walks integer keys in numeric order`() throws {
    let environment = try open()
    let table = try environment.openTable("n", keys: .integer)
    let keys: [UInt32] = [70_000, 3, 256, 1]
    try environment.write { transaction throws(LMDBError) in
      for key in keys {
        try transaction.put([UInt8(truncatingIfNeeded: key)].rawSpan, for: key, in: table)
      }
    }
    let walked = try environment.read { transaction throws(LMDBError) -> [UInt32] in
      var walked: [UInt32] = []
      var cursor = try TableCursor(over: table, in: transaction)
      while try cursor.next() {
        walked.append(cursor.key.load(fromByteOffset: 0))
        #expect(cursor.value.byteCount == 1)
      }
      return walked
    }
    #expect(walked == [1, 3, 256, 70_000])
  }

  @Test func `delete says whether the key was there`() throws {
    let environment = try open()
    let table = try environment.openTable("n", keys: .integer)
    let results = try environment.write { transaction throws(LMDBError) -> [Bool] in
      try transaction.put([1].rawSpan, for: UInt64(7), in: table)
      return [
        try transaction.delete(UInt64(7), in: table), try transaction.delete(UInt64(7), in: table),
      ]
    }
    #expect(results == [true, false])
  }

  @Test func `a full map is reported and leaves what was there`() throws {
    let environment = try open(mapByteCount: 64 << 10)
    let table = try environment.openTable("n", keys: .integer)
    try environment.write { transaction throws(LMDBError) in
      try transaction.put([5].rawSpan, for: UInt64(0), in: table)
    }
    let large = [UInt8](repeating: 1, count: 2000)
    let error = #expect(throws: LMDBError.self) {
      try environment.write { transaction throws(LMDBError) in
        for key in 1..<UInt64(100) { try transaction.put(large.rawSpan, for: key, in: table) }
      }
    }
    #expect(error?.code == .mapFull)
    let size = try environment.read { transaction throws(LMDBError) in
      try transaction.size(of: table)
    }
    #expect(size.entryCount == 1)
  }

  @Test func `a file that is no database is called corrupted`() throws {
    try directory.write([UInt8](repeating: 0x5A, count: 8192), to: "data.mdb")
    let error = #expect(throws: LMDBError.self) { _ = try open() }
    #expect(error?.code == .corrupted)
  }

  @Test func `a missing directory is an operating system error`() throws {
    let error = #expect(throws: LMDBError.self) {
      _ = try Environment(
        opening: directory.file("absent"), mapByteCount: 1 << 20, tableCount: 1)
    }
    #expect(error?.code == .system(2))
  }
}
