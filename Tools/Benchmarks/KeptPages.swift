internal import Foundation
internal import Linux

/// Files that are mapped, and all of them read by page faults.
///
/// Their pages stay in the kernel's cache until this goes: a machine may page out what no process
/// maps, cold or not, in the middle of a measurement, without any lack of memory (DAMON's pageout
/// of unmapped pages does).
@safe final class KeptPages {
  private var mappings: [UnsafeMutableRawBufferPointer] = unsafe []

  deinit {
    while let mapping = unsafe mappings.popLast() {
      unsafe munmap(mapping.baseAddress, mapping.count)
    }
  }

  /// Reads every file below `point` that is not empty, and keeps it; returns what they hold, in whole
  /// pages.
  ///
  /// `readFirst` is told the names of some files, each ended by a zero, before they are mapped. The
  /// list of all is made by a program on `stage`.
  @discardableResult
  func add(
    filesBelow point: String, on stage: Stage, readFirst: (Data) throws -> Void = { _ in }
  ) throws -> Int {
    // Names of one file count once.
    try stage.shell(
      #"find "$0" -xdev -type f -size +0 -printf '%i %s %p\0' | sort -zun -k1,1 >files"#, point)
    let list = try Data(contentsOf: URL(filePath: "\(stage.directory)/files"))
    var byteCount = 0
    var names: [String] = []
    for entry in list.split(separator: 0) {
      let fields = entry.split(separator: UInt8(ascii: " "), maxSplits: 2)
      guard fields.count == 3, let size = Int(String(decoding: fields[1], as: UTF8.self)) else {
        throw StageError("find says something else than was asked")
      }
      byteCount += (size + 4095) / 4096 * 4096
      names.append(String(decoding: fields[2], as: UTF8.self))
    }
    for start in stride(from: 0, to: names.count, by: Self.groupCount) {
      let group = names[start..<min(start + Self.groupCount, names.count)]
      try readFirst(Data(group.map { "\($0)\0" }.joined().utf8))
      for name in group { try add(name) }
    }
    return byteCount
  }

  /// Files that are read before they are mapped: few enough that none is paged out in between.
  private static let groupCount = 256

  /// Keeps what the process `identifier` runs: its program and libraries.
  func add(programOf identifier: Int) throws {
    let maps = try String(contentsOfFile: "/proc/\(identifier)/maps", encoding: .utf8)
    let paths = maps.split(separator: "\n").compactMap { line -> String? in
      let fields = line.split(separator: " ", maxSplits: 5)
      guard fields.count == 6, fields[1].contains("x"), fields[5].contains("/") else { return nil }
      return fields[5].trimmingCharacters(in: .whitespaces)
    }
    for path in Set(paths) { try add(path) }
  }

  private func add(_ path: String) throws {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw StageError("\(path) cannot be opened") }
    defer { close(descriptor) }
    let byteCount = Int(lseek(descriptor, 0, SEEK_END))
    guard let start = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, 0),
      unsafe start != MAP_FAILED
    else { throw StageError("\(path) cannot be mapped; vm.max_map_count may be too small") }
    unsafe mappings.append(UnsafeMutableRawBufferPointer(start: start, count: byteCount))
    guard unsafe madvise(start, byteCount, MADV_POPULATE_READ) == 0 else {
      throw StageError("\(path) cannot be read")
    }
  }
}
