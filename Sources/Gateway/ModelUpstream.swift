import HTTP
import Linux
import TLS
import Wire

/// Where model requests go, and what opens the door there. The credential stays in this process.
package struct ModelUpstream: Sendable {
    package enum Credential: Sendable {
        /// Sent as `x-api-key`.
        case apiKey(Secret)
        /// Sent as `Authorization: Bearer`.
        case token(Secret)
        /// Looked up for each request, so that it may be set and changed while the daemon runs.
        case stored(@Sendable () async -> Secret?)
        /// For a model of one's own that asks for none.
        case none
    }

    package static let anthropic = "https://api.anthropic.com"

    /// As it was given, without a credential in it.
    package let baseURL: String
    let endpoint: Endpoint
    let credential: Credential
    /// Whether requests have any chance: the public API wants a credential, a model of one's own may not.
    package var isUsable: Bool {
        get async {
            if endpoint.host != "api.anthropic.com" { return true }
            return await credentialField != nil
        }
    }

    /// The field that a request carries its credential in.
    var credentialField: (name: String, value: Secret)? {
        get async {
            switch credential {
            case .apiKey(let key): return ("x-api-key", key)
            case .token(let token): return Self.bearer(token)
            case .stored(let find):
                guard let secret = await find() else { return nil }
                // A token that belongs to a subscription goes another way than a key.
                let isToken = secret.exposed { $0.hasPrefix("sk-ant-oat") }
                return isToken ? Self.bearer(secret) : ("x-api-key", secret)
            case .none: return nil
            }
        }
    }

    private static func bearer(_ token: Secret) -> (name: String, value: Secret) {
        ("Authorization", Secret(token.exposed { "Bearer \($0)" }))
    }

    package init(baseURL: String, credential: Credential) throws(GatewayError) {
        guard let endpoint = Endpoint(url: baseURL) else {
            // Where a user could stand there may be a password: it is not repeated.
            let shown =
                baseURL.contains("@") ? "…\(baseURL[(baseURL.lastIndex(of: "@") ?? baseURL.startIndex)...])" : baseURL
            throw GatewayError(
                .invalidUpstream,
                "'\(shown)' is no address of a model: use http:// or https://, a host, and a path if needed"
            )
        }
        self.endpoint = endpoint
        self.baseURL = endpoint.description
        self.credential = credential
    }

    /// Takes `ANTHROPIC_BASE_URL`, `ANTHROPIC_API_KEY` and `ANTHROPIC_AUTH_TOKEN` of this process.
    ///
    /// - Parameter stored: finds the credential where there is neither of the two.
    package static func fromEnvironment(
        otherwise stored: @escaping @Sendable () async -> Secret?
    ) throws(GatewayError) -> ModelUpstream {
        func variable(_ name: String) -> String? {
            Program.variable(name).flatMap { $0.isEmpty ? nil : $0 }
        }
        let credential: Credential =
            if let key = variable("ANTHROPIC_API_KEY") {
                .apiKey(Secret(key))
            } else if let token = variable("ANTHROPIC_AUTH_TOKEN") {
                .token(Secret(token))
            } else {
                .stored(stored)
            }
        return try ModelUpstream(baseURL: variable("ANTHROPIC_BASE_URL") ?? anthropic, credential: credential)
    }
}

/// What the gateway can not be started with.
package struct GatewayError: Error, Sendable, CustomStringConvertible {
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        package static let invalidUpstream = Code(rawValue: "invalid_upstream")
        package static let invalidPrices = Code(rawValue: "invalid_prices")
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
