import Linux
import TestSupport
import Testing

@Suite struct CgroupTests {
  private let proc: FakeProc

  init() throws {
    proc = try FakeProc()
  }

  private func group() -> MemoryCgroup? {
    MemoryCgroup.found(at: CgroupPlaces(procDirectory: proc.path))
  }

  private func figures(_ group: MemoryCgroup?) -> [MemoryCgroupLevel.Figures?] {
    var buffer = AlignedBuffer(byteCount: KernelFile.bufferByteCount)
    var figures: [MemoryCgroupLevel.Figures?] = []
    for level in group?.levels ?? [] { figures.append(level.figures(&buffer)) }
    return figures
  }

  @Test func `a v1 group and those above it have their limits`() throws {
    try proc.mountV1(group: "/a/b")
    try proc.writeV1("", limit: 9_223_372_036_854_771_712, usage: 900)
    try proc.writeV1("/a", limit: 500, usage: 450, stat: "total_inactive_file 30\n")
    try proc.writeV1(
      "/a/b", limit: 800, usage: 100, stat: "total_inactive_file 20\ntotal_active_file 10\n")
    let group = group()
    #expect(group?.version == .v1)
    #expect(group?.directory == "\(proc.groups)/a/b")
    let found = figures(group)
    #expect(found.map { $0?.limit } == [800, 500, nil])
    #expect(found.map { $0?.usage } == [100, 450, nil])
    #expect(found.map { $0?.reclaimable } == [25, 30, nil])
  }

  @Test func `a limit above what can be seen counts for the own group`() throws {
    try proc.mountV1(group: "/pod/own", root: "/pod/own")
    try proc.writeV1(
      "", limit: 9_223_372_036_854_771_712, usage: 100, stat: "hierarchical_memory_limit 300\n")
    #expect(group()?.directory == proc.groups)
    #expect(figures(group()).map { $0?.limit } == [300])
  }

  @Test func `a v2 group is limited by the smaller of max and high`() throws {
    try proc.mountV2(group: "/a/b")
    try proc.writeV2("/a/b", max: "max", high: "max", current: 7)
    try proc.writeV2("/a", max: "1000", high: "600", current: 50)
    let group = group()
    #expect(group?.version == .v2)
    // The root has no such files.
    let found = figures(group)
    #expect(found.map { $0?.limit } == [nil, 600])
    #expect(found.last??.reclaimable == 20)
    #expect(group?.hasEvents == false)
    try proc.write("high 1\nmax 2\noom 3\noom_kill 4\n", to: "groups/a/b/memory.events")
    var buffer = AlignedBuffer(byteCount: KernelFile.bufferByteCount)
    let counts = self.group()?.eventCounts(&buffer)
    #expect(counts?.max == 2)
    #expect(counts?.kills == 4)
  }

  @Test func `figures follow the files`() throws {
    try proc.mountV1(group: "/a")
    try proc.writeV1("/a", limit: 500, usage: 100)
    let group = group()
    #expect(figures(group).first??.usage == 100)
    try proc.write("nonsense", to: "groups/a/memory.usage_in_bytes")
    #expect(figures(group) == [nil])
    try proc.write("499\n", to: "groups/a/memory.usage_in_bytes")
    #expect(figures(group).first??.usage == 499)
  }

  @Test func `what is cached is never more than what is used`() throws {
    try proc.mountV1(group: "/a")
    try proc.writeV1(
      "/a", limit: 500, usage: 100,
      stat: "total_inactive_file \(UInt64.max)\ntotal_active_file \(UInt64.max)\n")
    #expect(figures(group()).first??.reclaimable == 100)
  }

  @Test func `a group whose path is not below the mount is the mount's own`() throws {
    try proc.mountV1(group: "/../elsewhere", root: "/pod")
    try proc.writeV1("", limit: 400, usage: 1)
    #expect(group()?.directory == proc.groups)
  }

  @Test func `where there is no memory controller there is no group`() throws {
    #expect(group() == nil)
    try proc.mountV2(group: "/a")
    #expect(group() == nil)
  }

  @Test func `spaces in mount points are understood`() {
    let places = CgroupPlaces(
      membership: Array("0::/x\n".utf8),
      mounts: Array(#"35 22 0:32 / /a\040b rw - cgroup2 cgroup2 rw"#.utf8))
    #expect(places.unified?.directory == "/a b/x")
    #expect(places.unified?.lineage == ["/a b/x", "/a b"])
  }

  @Test func `lines that make no sense are passed over`() {
    var generator = SeededGenerator(for: "lines that make no sense are passed over")
    let alphabet = Array("04:/-\\ \nmemory,cgroup2.".utf8)
    for _ in 0..<5000 {
      let noise = (0..<60).map { _ in
        alphabet[Int.random(in: alphabet.indices, using: &generator)]
      }
      _ = CgroupPlaces(membership: noise, mounts: noise)
      let places = CgroupPlaces(
        membership: Array("::\nx\n".utf8) + Array("1:memory:/g\n".utf8),
        mounts: noise + Array("\n1 2 3 / /m o - cgroup c memory\n".utf8))
      #expect(places.memory != nil)
    }
  }

  @Test func `the machine's own files are understood`() throws {
    var buffer = AlignedBuffer(byteCount: KernelFile.bufferByteCount)
    let memory = try #require(try AvailableMemory().figures(&buffer))
    #expect(memory.available > 1 << 20)
    #expect(memory.available <= memory.total)
    _ = figures(MemoryCgroup.found(at: CgroupPlaces()))
  }
}
