import HTTP
import Linux
import RPC
import Wire

/// A daemon that has answered.
package struct DaemonConnection: Sendable {
    package let client: CallClient
    package let info: GetDaemon.Response
    package let address: DaemonAddress
    /// Whether it was started for this command, and so has this command's environment.
    package var wasStarted = false

    /// Connects to the daemon, and starts one when none runs on this machine.
    ///
    /// A daemon of another version is used all the same, with a warning: what the wire says stays understood.
    package static func open(_ surroundings: Surroundings) async throws -> DaemonConnection {
        let address = try DaemonAddress(surroundings)
        if let running = try await DaemonConnection(ifRunningAt: address) {
            if let warning = versionWarning(running.info) { await StandardStream.say(warning) }
            return running
        }
        guard address.isLocal else {
            throw CommandsError(
                .daemonUnreachable,
                "No daemon answers at '\(address.text)'; start it there, or unset MARTLET_API_URL to use one of this machine"
            )
        }
        return try await DaemonStart(surroundings: surroundings).run()
    }

    /// Connects to the daemon; nil when none runs.
    package static func ifRunning(_ surroundings: Surroundings) async throws -> DaemonConnection? {
        try await DaemonConnection(ifRunningAt: DaemonAddress(surroundings))
    }

    init?(ifRunningAt address: DaemonAddress) async throws {
        let client = address.client()
        do {
            info = try await withDeadline(.seconds(15)) { try await client.call(GetDaemon.self, Empty()) }
        } catch let error as LinuxError where [.notFound, .refused].contains(error.code) {
            return nil
        } catch let error as CallError where error.code == .unauthenticated {
            throw CommandsError(
                .daemonUnreachable,
                "The daemon at '\(address.text)' does not accept the key; 'martlet env' prints the right one where it runs"
            )
        } catch let error where !(error is CancellationError || error is CommandsError) {
            throw CommandsError(.daemonUnreachable, "The daemon at '\(address.text)' does not answer", cause: error)
        }
        self.client = client
        self.address = address
    }

    /// The client for calls that a sandbox's guest answers.
    package func client(ofSandbox id: String) -> CallClient {
        var client = client
        client.headers[SandboxHeaders.id] = id
        client.headers[SandboxHeaders.port] = String(GuestProtocol.agentPort)
        return client
    }

    static func versionWarning(_ info: GetDaemon.Response) -> String? {
        if info.version == Version.current { return nil }
        return "the daemon is version \(info.version) and this is \(Version.current); "
            + "'martlet shutdown' ends it, and the next command starts the right one"
    }
}

extension DaemonConnection {
    /// Makes sure that the daemon talks to the model that this command's environment names.
    ///
    /// The daemon has its key from the environment it was started in; a later change would else be ignored in silence.
    package func checkModel(_ surroundings: Surroundings) throws(CommandsError) {
        if wasStarted || !address.isLocal { return }
        let key = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"].first { surroundings.variable($0) != nil }
        let restart = "restart it with this environment: 'martlet shutdown', then this command again"
        if !info.hasCredential,
            let name = key ?? surroundings.variable("ANTHROPIC_BASE_URL").map({ _ in "ANTHROPIC_BASE_URL" })
        {
            throw CommandsError(.otherModel, "\(name) is set here, but the daemon was started without it; \(restart)")
        }
        if let url = surroundings.variable("ANTHROPIC_BASE_URL"), Self.plain(url) != Self.plain(info.modelURL) {
            throw CommandsError(
                .otherModel,
                "ANTHROPIC_BASE_URL is '\(Self.plain(url))' here, but the daemon talks to '\(info.modelURL)'; \(restart)"
            )
        }
    }

    /// A URL without user, password and last slash.
    private static func plain(_ url: String) -> String {
        var text = url[...]
        while text.hasSuffix("/") { text = text.dropLast() }
        guard let scheme = text.firstRange(of: "://"), let at = text[scheme.upperBound...].firstIndex(of: "@") else {
            return String(text)
        }
        return String(text[..<scheme.upperBound] + text[text.index(after: at)...])
    }
}
