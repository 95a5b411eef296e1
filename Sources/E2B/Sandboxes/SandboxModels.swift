// What the control plane says about sandboxes. Optional members are left out when they are nil.

import Wire

/// `Sandbox`: what a create or a connect is answered with.
struct SandboxModel: Codable, Sendable, Hashable {
    var templateID: String
    var sandboxID: String
    var clientID: String
    var envdVersion: String
    var alias: String?
    var envdAccessToken: String?
    var trafficAccessToken: String?
    var domain: String?
}

/// `ListedSandbox`.
struct ListedSandbox: Codable, Sendable, Hashable {
    var templateID: String
    var alias: String?
    var sandboxID: String
    var clientID: String
    var startedAt: Timestamp
    var endAt: Timestamp
    var cpuCount: Int
    var memoryMB: Int
    var diskSizeMB: Int
    var metadata: [String: String]
    var state: SandboxState
    var envdVersion: String
    var volumeMounts: [VolumeWish] = []
}

/// `SandboxDetail`.
struct SandboxDetail: Codable, Sendable, Hashable {
    var templateID: String
    var alias: String?
    var sandboxID: String
    var clientID: String
    var startedAt: Timestamp
    var endAt: Timestamp
    var envdVersion: String
    var envdAccessToken: String?
    var allowInternetAccess: Bool?
    var domain: String?
    var cpuCount: Int
    var memoryMB: Int
    var diskSizeMB: Int
    var metadata: [String: String]
    var state: SandboxState
    var network: NetworkModel?
    var lifecycle: LifecycleModel?
    /// What a paused one was saved with.
    var pauseMode: String?
    var volumeMounts: [VolumeWish] = []
}

/// `SandboxLifecycle`.
struct LifecycleModel: Codable, Sendable, Hashable {
    var autoResume: Bool
    var onTimeout: String
}

/// `SandboxNetworkConfig`, both ways.
struct NetworkModel: Codable, Sendable, Hashable {
    struct EgressProxy: Codable, Sendable, Hashable {
        var address: String
    }

    /// What is done to requests to a host. Methods, path and headers are Martlet's own.
    struct Rule: Codable, Sendable, Hashable {
        struct Transform: Codable, Sendable, Hashable {
            var headers: [String: String]?
        }

        var transform: Transform?
        var methods: [String]?
        var path: String?
        /// What a request has to have to be meant.
        var headers: [String: String]?
    }

    var allowPublicTraffic: Bool?
    var allowOut: [String]?
    var denyOut: [String]?
    var dnsServers: [String]?
    var egressProxy: EgressProxy?
    var maskRequestHost: String?
    var httpsPorts: [Int]?
    var rules: [String: [Rule]]?
}

/// `NewSandbox` and `NewSandboxV2`.
struct NewSandboxModel: Codable, Sendable, Hashable {
    struct AutoResume: Codable, Sendable, Hashable {
        var enabled: Bool
    }

    struct Identities: Codable, Sendable, Hashable {
        struct Token: Codable, Sendable, Hashable {}
        var tokens: [String: Token]?
    }

    struct Opaque: Codable, Sendable, Hashable {}

    var templateID: String
    var timeout: Int?
    var autoPause: Bool?
    var autoPauseMemory: Bool?
    var autoResume: AutoResume?
    var allowInternetAccess: Bool?
    var network: NetworkModel?
    var metadata: [String: String]?
    var envVars: [String: String]?
    var mcp: Opaque?
    var iam: Identities?
    var volumeMounts: [VolumeWish]?

    enum CodingKeys: String, CodingKey {
        case templateID, timeout, autoPause, autoPauseMemory, autoResume, network, metadata, envVars, mcp, iam,
            volumeMounts
        case allowInternetAccess = "allow_internet_access"
    }
}

/// `ConnectSandbox` and `ConnectSandboxV2`.
struct ConnectModel: Codable, Sendable, Hashable {
    var timeout: Int?
    var memory: Bool?
}

/// `ResumedSandbox`.
struct ResumeModel: Codable, Sendable, Hashable {
    var timeout: Int?
    var autoPause: Bool?
    var memory: Bool?
}

/// `SandboxTimeoutRequest`.
struct TimeoutModel: Codable, Sendable, Hashable {
    var timeout: Int
}

/// `SandboxRefreshRequest`.
struct RefreshModel: Codable, Sendable, Hashable {
    var duration: Int?
}

/// `SandboxPauseRequest`.
struct PauseModel: Codable, Sendable, Hashable {
    var memory: Bool?
    var requireHealthyGuest: Bool?
}
