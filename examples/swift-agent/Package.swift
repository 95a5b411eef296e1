// swift-tools-version: 6.2
// A program that has an agent review a directory: swift run review DIRECTORY

import PackageDescription

let package = Package(
    name: "swift-agent",
    dependencies: [.package(name: "martlet", path: "../..")],
    targets: [
        .executableTarget(name: "review", dependencies: [.product(name: "ClaudeAgent", package: "martlet")])
    ]
)
