// swift-tools-version: 6.2
// Martlet's modules. One folder per target; the folder is the target is the module. Arrows point down only:
// ARCHITECTURE.md has the picture, and `--explicit-target-dependency-import-check error` keeps it true.

import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "martlet",
    products: [
        .executable(name: "martlet", targets: ["martlet"]),
        .executable(name: "martlet-claude", targets: ["martlet-claude"]),
        .executable(name: "martlet-guest", targets: ["martlet-guest"]),
        .library(name: "ClaudeAgent", targets: ["ClaudeAgent", "Wire"]),
        .library(name: "Martlet", targets: ["Martlet", "ClaudeAgent", "Wire"]),
    ],
    targets: [
        // C: one shim of our own, and Debian's libraries.
        .target(name: "CLinux"),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        // Floor.
        module("Linux", ["CLinux"]),
        module("Records", ["CSQLite"]),
        module("Arguments", []),
        module("Dockerfiles", []),

        // Carriers.
        module("Wire", []),
        module("HTTP", ["Linux"]),
        module("TLS", ["Linux", "COpenSSL"]),
        module("RPC", ["Linux", "HTTP", "Wire"]),
        module("WebSockets", ["Linux", "HTTP"]),
        module("Terminals", ["Linux", "HTTP", "WebSockets", "RPC", "Wire"]),

        // Secrets on the host, sealed.
        module("Secrets", ["Linux", "Records", "Wire", "COpenSSL"]),

        // What leaves a sandbox.
        module("Egress", ["Linux", "HTTP", "TLS"]),

        // Records of what sandboxes and models did.
        module("Audit", ["Linux", "TLS", "Wire"]),
        module("Cassettes", ["Linux", "HTTP", "TLS", "Wire"]),

        // Results: a schema, the tool made from it, and a model that plays a script.
        module("Schemas", ["Wire"]),
        module("MCP", ["Linux", "HTTP", "Wire", "Schemas"]),
        module("ScriptedModel", ["Linux", "HTTP", "Wire"]),

        // Agents from Swift. What knows about processes is behind a protocol; the rest needs no particular system.
        module(
            "ClaudeAgent",
            ["Wire", "Schemas", .target(name: "Linux", condition: .when(platforms: [.linux]))]
        ),

        // Sandboxes from Swift.
        module("Martlet", ["Linux", "HTTP", "RPC", "Terminals", "ClaudeAgent", "Wire"]),

        // The guest.
        .target(
            name: "MCPGateway",
            dependencies: ["Linux", "HTTP", "Wire"],
            resources: [.embedInCode("Plans/catalogue.json")],
            swiftSettings: settings
        ),
        module("GuestAgent", ["CLinux", "CZlib", "Linux", "HTTP", "WebSockets", "RPC", "Wire", "MCPGateway"]),
        .executableTarget(
            name: "martlet-guest",
            dependencies: ["CLinux", "GuestAgent"],
            swiftSettings: settings + [.unsafeFlags(["-static-executable"])],
            // Stripped: every template carries it.
            linkerSettings: [.unsafeFlags(["-static-executable", "-Xlinker", "-s"])]
        ),

        // The spine.
        module("GuestLink", ["Linux", "HTTP", "RPC", "Wire"]),
        module("Machines", ["Linux", "Wire"]),
        module("QEMUMachines", ["CLinux", "Linux", "Machines", "Wire"]),
        module("Snapshots", ["CLinux", "CZstd", "Linux", "Machines", "Records", "Wire"]),
        module("Access", ["Linux", "Records", "TLS", "COpenSSL", "Wire"]),
        module("Volumes", ["CLinux", "Linux", "Records", "Access", "TLS", "Wire"]),
        module(
            "Sandboxes",
            [
                "Linux", "HTTP", "RPC", "Machines", "Snapshots", "GuestLink", "Records", "Access", "Egress", "Audit",
                "TLS", "ClaudeAgent", "Wire",
            ]
        ),
        module(
            "Templates",
            [
                "Linux", "HTTP", "TLS", "RPC", "Machines", "Sandboxes", "Snapshots", "GuestLink", "Egress", "Access",
                "Records", "Wire",
            ]
        ),
        .target(
            name: "Gateway",
            dependencies: [
                "Linux", "HTTP", "TLS", "Wire", "MCP", "MCPGateway", "Egress", "Records", "Cassettes", "ScriptedModel",
            ],
            resources: [.embedInCode("Metering/prices.json")],
            swiftSettings: settings
        ),
        module(
            "Runs",
            [
                "Linux", "HTTP", "Wire", "RPC", "Schemas", "MCP", "Machines", "GuestLink", "Sandboxes", "Gateway",
                "Egress", "Records", "Cassettes", "Volumes", "Access", "ClaudeAgent",
            ]
        ),
        module("Router", ["Linux", "HTTP", "TLS", "RPC", "Wire", "GuestLink", "Sandboxes"]),
        module(
            "E2B",
            [
                "Linux", "HTTP", "TLS", "Machines", "GuestLink", "Sandboxes", "Templates", "Volumes", "Access",
                "Egress",
                "Records", "Secrets", "Wire",
            ]
        ),
        module(
            "Freestyle",
            [
                "Linux", "HTTP", "TLS", "RPC", "Machines", "GuestLink", "Sandboxes", "Egress", "Access", "Records",
                "Wire",
            ]
        ),
        module(
            "API",
            [
                "Linux", "HTTP", "RPC", "Wire", "Schemas", "MCP", "Machines", "GuestLink", "Sandboxes", "Snapshots",
                "Templates", "Router", "Runs", "Access", "E2B", "Gateway", "Egress", "Freestyle", "Audit", "Secrets",
                "Volumes",
            ]
        ),
        module(
            "Commands",
            [
                "Arguments", "Dockerfiles", "Linux", "HTTP", "TLS", "RPC", "Terminals", "Wire", "Schemas", "MCP",
                "ScriptedModel",
                "Machines",
                "QEMUMachines", "Sandboxes", "Templates", "Gateway", "Router", "Runs", "API", "Records", "Access",
                "E2B", "Egress", "Freestyle", "Secrets", "Volumes",
            ]
        ),
        .executableTarget(name: "martlet", dependencies: ["Commands"], swiftSettings: settings),
        .executableTarget(name: "martlet-claude", dependencies: ["Commands"], swiftSettings: settings),
        .executableTarget(
            name: "martlet-bench",
            dependencies: [
                "Linux", "HTTP", "RPC", "Wire", "ScriptedModel", "Machines", "QEMUMachines", "GuestLink", "Sandboxes",
                "Terminals", "Router", "Snapshots", "Records", "Gateway", "Egress",
            ],
            path: "Sources/Benchmarks",
            swiftSettings: settings
        ),

        // Tests.
        tests("ArgumentsTests", ["Arguments"]),
        tests("DockerfilesTests", ["Dockerfiles"]),
        tests("RecordsTests", ["Records"]),
        tests("AccessTests", ["Access", "Records", "Linux", "Wire"]),
        tests("SandboxesTests", ["Sandboxes", "Access", "Audit", "Egress", "Records", "Linux", "Wire"]),
        tests("VolumesTests", ["CLinux", "Volumes", "Access", "Records", "Linux", "Wire"]),
        tests(
            "E2BTests",
            ["E2B", "Access", "Egress", "Sandboxes", "Volumes", "HTTP", "TLS", "Linux", "Records", "Wire"]
        ),
        tests("FreestyleTests", ["Freestyle", "Access", "HTTP", "Linux", "Records", "Wire"]),
        tests("SecretsTests", ["Secrets", "Linux", "Records", "Wire"]),
        tests("AuditTests", ["Audit", "Linux", "Wire"]),
        tests("CassettesTests", ["Cassettes", "HTTP", "Linux", "Wire"]),
        tests("EgressTests", ["Egress", "HTTP", "TLS", "Linux"]),
        tests("SchemasTests", ["Schemas", "Wire"]),
        tests("WireTests", ["Wire"]),
        tests("LinuxTests", ["Linux", "CLinux"]),
        tests("HTTPTests", ["HTTP", "Linux"]),
        tests("GatewayTests", ["Gateway", "MCPGateway", "Cassettes", "HTTP", "Linux", "Records", "Wire"]),
        tests("TLSTests", ["TLS", "HTTP", "Linux"]),
        tests("WebSocketsTests", ["WebSockets", "HTTP", "Linux", "Wire"]),
        tests("TerminalsTests", ["Terminals", "GuestAgent", "Linux", "HTTP", "RPC", "Wire"]),
        tests("RPCTests", ["RPC", "HTTP", "Linux", "Wire"]),
        tests(
            "GuestAgentTests",
            [
                "CLinux", "GuestAgent", "GuestLink", "Sandboxes", "ClaudeAgent", "Linux", "HTTP", "WebSockets", "RPC",
                "Wire",
            ]
        ),
        tests(
            "RouterTests",
            ["Router", "GuestAgent", "GuestLink", "TLS", "HTTP", "Linux", "RPC", "Sandboxes", "Wire"]
        ),
        tests("ScriptedModelTests", ["ScriptedModel", "HTTP", "Linux", "Wire"]),
        tests("ClaudeAgentTests", ["ClaudeAgent", "ScriptedModel", "HTTP", "Linux", "Wire"]),
        tests("ClaudeCodeTests", ["ScriptedModel", "MCP", "Schemas", "HTTP", "Linux", "Wire"]),
        tests(
            "TemplatesTests",
            ["Templates", "Linux", "HTTP", "Machines", "Sandboxes", "GuestLink", "Records", "Wire"]
        ),
        tests("QEMUMachinesTests", ["QEMUMachines", "Machines", "Linux", "Wire"]),
        tests("SnapshotsTests", ["CLinux", "Snapshots", "Linux", "Machines", "Records", "Wire"]),
        tests("MCPGatewayTests", ["MCPGateway", "Linux", "HTTP", "Wire"]),
        tests("MCPTests", ["MCP", "Schemas", "HTTP", "Linux", "Wire"]),
        tests("CommandsTests", ["Commands", "Arguments", "Linux", "HTTP", "RPC", "Wire", "Records", "QEMUMachines"]),
        tests(
            "RunsTests",
            ["Runs", "ClaudeAgent", "Sandboxes", "GuestLink", "Schemas", "MCP", "Records", "Linux", "Wire"]
        ),
        tests(
            "EndToEndTests",
            [
                "CLinux", "Linux", "HTTP", "TLS", "RPC", "Wire", "ScriptedModel", "Machines", "QEMUMachines",
                "GuestLink",
                "Access", "Sandboxes", "Snapshots", "Templates", "Records", "WebSockets", "Martlet", "ClaudeAgent",
            ]
        ),
    ]
)
