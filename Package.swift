// swift-tools-version: 6.2
import PackageDescription

let house: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .strictMemorySafety(), .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableExperimentalFeature("Lifetimes"),
]
let testing: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

let package = Package(
  name: "cullet",
  targets: [
    .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .target(name: "CLinux"),
    .target(name: "Bytes", swiftSettings: house),
    .target(name: "Linux", dependencies: ["Bytes", "CLinux"], swiftSettings: house),
    .target(
      name: "Codecs", dependencies: ["Bytes", "CLZ4", "CCrypto"], swiftSettings: house),
    .target(name: "EROFS", dependencies: ["Bytes"], swiftSettings: house),
    .target(
      name: "EROFSReader", dependencies: ["Bytes", "Codecs", "EROFS", "Linux"],
      swiftSettings: house),
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: testing),
    .testTarget(
      name: "BytesTests", dependencies: ["Bytes", "TestSupport"], swiftSettings: testing),
    .testTarget(
      name: "CodecsTests", dependencies: ["Bytes", "Codecs", "TestSupport"],
      swiftSettings: testing),
    .testTarget(
      name: "EROFSTests", dependencies: ["Bytes", "EROFS", "TestSupport"],
      swiftSettings: testing),
    .testTarget(
      name: "EROFSReaderTests",
      dependencies: ["Bytes", "Codecs", "EROFS", "EROFSReader", "Linux", "TestSupport"],
      swiftSettings: testing),
  ]
)
