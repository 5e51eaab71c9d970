import Bytes
import Codecs
import Glibc
import TestSupport
import Testing

@Suite struct MemoryShortageTests {
  @Test func `a dictionary that no memory is left for is no fault of the stream`() async throws {
    await #expect(processExitsWith: .success) {
      let plain = [UInt8](repeating: 7, count: 5000)
      let stream = StreamEncoder.encode(
        plain, by: .microLZMA(dictionaryByteCount: StreamEncoder.dictionaryByteCount))
      // Not all of it, for the test needs some; too little for the dictionary.
      var limit = rlimit()
      getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
      limit.rlim_cur = 2 << 30
      setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
      var decoded = [UInt8](repeating: 0, count: 5000)
      var target = decoded.mutableRawSpan
      let decompressor = Decompressor()
      let error = #expect(throws: CodecError.self) {
        try decompressor.decode(
          stream.rawSpan, by: .microLZMA(dictionaryByteCount: 3 << 30), into: &target)
      }
      #expect(error?.code == .noMemory)
    }
  }
}
