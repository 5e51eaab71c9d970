// swift-tools-version: 6.2
import PackageDescription

// Every module of ours: Swift 6, strict memory safety, nothing imported by accident.
let house: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .strictMemorySafety(), .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableExperimentalFeature("Lifetimes"),
]
let testing: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .treatAllWarnings(as: .error),
  .enableExperimentalFeature("Lifetimes"),
]

/// A module of ours; it may import what it lists, and nothing else.
func module(_ name: String, _ dependencies: Target.Dependency...) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: house)
}

/// The tests of the module or modules that `name` begins with.
func tests(_ name: String, _ dependencies: Target.Dependency...) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: testing)
}

let package = Package(
  name: "cullet",
  products: [
    .executable(name: "cullet", targets: ["cullet"]),
    // Loaded under the crash explorer by LD_PRELOAD.
    .library(name: "CrashRecorder", type: .dynamic, targets: ["CrashRecorder"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    // 0: bytes, and the headers of what apt provides.
    .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
    .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CLZMA", pkgConfig: "liblzma", providers: [.apt(["liblzma-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .target(name: "CLinux"),
    module("Bytes"),

    // 1: the kernel, the index library, the codecs.
    module("Linux", "Bytes", "CLinux"),
    module("LMDB", "Bytes", "CLMDB"),
    module("Codecs", "Bytes", "CCrypto", "CLZ4", "CLZMA", "CZlib", "CZstd"),

    // 2: formats and the disk.
    module("BlockStore", "Bytes", "Codecs", "Linux", "LMDB"),
    module("EROFS", "Bytes"),
    module("FUSEProtocol", "Bytes"),
    module("HTTPSyntax", "Bytes"),

    // 3: reading an image, serving the kernel, filling the cache.
    module("EROFSReader", "Bytes", "Codecs", "EROFS", "Linux"),
    module("FUSEServer", "Bytes", "FUSEProtocol", "Linux"),
    module("PageTier", "Bytes", "Codecs", "Linux"),
    module("ReadPath", "BlockStore", "Bytes", "Linux"),
    module("TreeSources", "Bytes", "Codecs", "EROFS", "Linux"),
    .target(
      name: "Origins",
      dependencies: [
        "Bytes", "Codecs", "HTTPSyntax", "Linux", "ReadPath",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ], swiftSettings: house),
    .target(
      name: "OriginServer",
      dependencies: [
        "Bytes", "CLinux", "HTTPSyntax", "Linux",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ], swiftSettings: house),

    // 4: images as mounts, and as files and manifests.
    module(
      "ImageMount", "Bytes", "EROFS", "EROFSReader", "FUSEProtocol", "FUSEServer", "Linux",
      "PageTier", "ReadPath"),
    module("ImageCheck", "Bytes", "Codecs", "EROFS", "EROFSReader"),
    module("ImageExport", "Bytes", "EROFS", "EROFSReader", "Codecs", "Linux"),
    module(
      "EROFSBuilder", "Bytes", "Codecs", "EROFS", "EROFSReader", "Linux", "TreeSources"),

    // 5: the owner of a cache.
    module(
      "Node", "BlockStore", "Bytes", "EROFS", "EROFSReader", "FUSEServer", "ImageMount", "Linux",
      "Origins", "PageTier", "ReadPath"),

    // 6: the command.
    .executableTarget(
      name: "cullet",
      dependencies: [
        "BlockStore", "Bytes", "Codecs", "EROFS", "EROFSBuilder", "EROFSReader", "ImageCheck",
        "ImageExport", "Linux", "Node", "OriginServer", "Origins", "ReadPath", "TreeSources",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: house),

    // What the scripts in Tools run.
    .executableTarget(
      name: "Benchmarks",
      dependencies: [
        "BlockStore", "Bytes", "CLinux", "Codecs", "EROFS", "EROFSReader", "ImageMount", "LMDB",
        "Linux", "Node", "PageTier", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], path: "Tools/Benchmarks", swiftSettings: house),
    .target(name: "CrashRecorder", path: "Tools/CrashRecorder"),
    .executableTarget(
      name: "CrashExplorer",
      dependencies: [
        "BlockStore", "Bytes", "CLinux", "Linux", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], path: "Tools/CrashExplorer", swiftSettings: house),
    .executableTarget(
      name: "LayoutLaboratory",
      dependencies: [
        "BlockStore", "Bytes", "CLinux", "Linux", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], path: "Tools/LayoutLaboratory", swiftSettings: house),
    .executableTarget(
      name: "MountStress",
      dependencies: [
        "CLinux", "Linux", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], path: "Tools/MountStress", swiftSettings: house),
    .executableTarget(
      name: "SessionPeer",
      dependencies: [
        "Bytes", "EROFSReader", "FUSEServer", "ImageMount", "Linux", "PageTier",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], path: "Tools/SessionPeer", swiftSettings: house),
    .executableTarget(
      name: "MemoryHog",
      dependencies: [
        "CLinux", "Linux", "PageTier",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], path: "Tools/MemoryHog", swiftSettings: house),

    // Tests.
    .target(
      name: "TestSupport", dependencies: ["Bytes", "CLinux", "Codecs"], path: "Tests/TestSupport",
      swiftSettings: testing),
    tests("BytesTests", "Bytes"),
    tests("CodecsTests", "Bytes", "CLZMA", "CZlib", "CZstd", "Codecs"),
    tests("LinuxTests", "Bytes", "Linux"),
    tests("LMDBTests", "Bytes", "LMDB"),
    tests("BlockStoreTests", "BlockStore", "Bytes", "LMDB", "Linux", "cullet"),
    tests("EROFSTests", "Bytes", "EROFS"),
    tests("EROFSReaderTests", "Bytes", "Codecs", "EROFS", "EROFSReader", "Linux"),
    tests("TreeSourcesTests", "Bytes", "TreeSources"),
    tests(
      "EROFSBuilderTests", "Bytes", "CLinux", "Codecs", "EROFS", "EROFSBuilder", "EROFSReader",
      "TreeSources"),
    tests("FUSEProtocolTests", "Bytes", "CLinux", "FUSEProtocol"),
    tests(
      "FUSEServerTests", "Bytes", "CLinux", "FUSEProtocol", "FUSEServer", "Linux"),
    tests("HTTPSyntaxTests", "Bytes", "HTTPSyntax"),
    tests(
      "OriginsTests", "Bytes", "Codecs", "HTTPSyntax", "Linux", "OriginServer", "Origins",
      "ReadPath"),
    tests(
      "ImageExportTests", "Bytes", "CLinux", "Codecs", "EROFS", "EROFSReader", "ImageExport"),
    tests("ImageCheckTests", "Bytes", "EROFS", "EROFSReader", "ImageCheck"),
    tests("PageTierTests", "Bytes", "Codecs", "Linux", "PageTier"),
    tests(
      "ImageMountTests", "Bytes", "EROFS", "EROFSBuilder", "EROFSReader", "FUSEServer",
      "ImageMount", "Linux", "PageTier", "TreeSources"),
    tests("ReadPathTests", "BlockStore", "Bytes", "Linux", "ReadPath"),
    tests("NodeTests", "Bytes", "EROFSReader", "Linux", "Node"),
    tests("EndToEndTests", "Bytes", "CLinux", "Linux", "SessionPeer", "cullet"),
  ]
)
