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
    .target(name: "FUSEProtocol", dependencies: ["Bytes"], swiftSettings: house),
    .target(
      name: "FUSEServer", dependencies: ["Bytes", "FUSEProtocol", "Linux"], swiftSettings: house),
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: testing),
    .testTarget(
      name: "BytesTests", dependencies: ["Bytes", "TestSupport"], swiftSettings: testing),
    .testTarget(
      name: "FUSEProtocolTests",
      dependencies: ["Bytes", "CLinux", "FUSEProtocol", "TestSupport"],
      swiftSettings: testing),
    .testTarget(
      name: "FUSEServerTests",
      dependencies: [
        "Bytes", "CLinux", "FUSEProtocol", "FUSEServer", "Linux", "TestSupport",
      ],
      swiftSettings: testing),
  ]
)
