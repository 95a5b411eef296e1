import FoundationEssentials
import HTTP
import Linux
import Wire

/// The connections to one guest's agent, whoever the guest belongs to.
///
/// They are kept from one use to the next, also over a time in which the guest is paused: a slow guest takes milliseconds to
/// make one. ``GuestLink`` uses them under a sandbox's token. A guest that is saved and goes on in another machine keeps its
/// line; there is nobody at its end in between.
package struct GuestLine: Sendable {
    private let way = GuestWay()
    let http: HTTPClient

    /// A line to a guest that rests.
    package init() {
        http = HTTPClient { [way] in try await way.connect() }
    }

    /// - Parameter takesMany: whether connections may be made at once; else they are made one after the other.
    package init(to address: SocketAddress, takesMany: Bool = false) {
        self.init()
        way.lead(to: address, takesMany: takesMany)
    }

    /// Leads to where the guest goes on.
    package func lead(to address: SocketAddress, takesMany: Bool) {
        http.closeIdle()
        way.lead(to: address, takesMany: takesMany)
    }

    /// Leads nowhere from now on; requests fail at once. What is under way ends with the machine.
    package func leadNowhere() {
        way.leadNowhere()
        http.closeIdle()
    }

    /// Whether an agent answers within `limit`, with or without an identity.
    package func isHealthy(within limit: Duration = .seconds(5)) async -> Bool {
        let head = RequestHead(method: "GET", target: "/health", headers: ["Host": "guest"])
        let answer = try? await withDeadline(limit) { [http] in try await http.send(head, limit: 4096) }
        return answer?.head.status == 204
    }

    /// Gives a guest that is nobody's an identity, and so the link an owner.
    package func initialize(_ identity: GuestIdentity, bootstrap: Secret) async throws -> GuestLink {
        try await introduce(identity, (GuestProtocol.bootstrapHeader, bootstrap))
    }

    /// Gives a guest that goes on in a machine of its own another identity; it is opened by the token of the one that was
    /// saved, and by that no longer.
    package func renew(_ identity: GuestIdentity, token: Secret) async throws -> GuestLink {
        try await introduce(identity, (GuestProtocol.tokenHeader, token))
    }

    private func introduce(_ identity: GuestIdentity, _ credential: (header: String, secret: Secret)) async throws
        -> GuestLink
    {
        let token = Secret(identity.accessToken)
        let body = HTTPClient.Body.bytes(try identity.encoded())
        var status = 0
        do {
            status = try await send(body, credential)
        } catch is HTTPError {
            // A kept connection may have ended unnoticed, before or after the guest took the identity: then its own token
            // opens it.
            http.closeIdle()
            status = try await send(body, credential)
            if status == 401 { status = try await send(body, (GuestProtocol.tokenHeader, token)) }
        }
        guard status == 204 else {
            throw CallError(.unavailable, "The guest refused its identity with status \(status)")
        }
        return GuestLink(self, token: token)
    }

    private func send(_ body: HTTPClient.Body, _ credential: (header: String, secret: Secret)) async throws -> Int {
        var head = RequestHead(
            method: "POST",
            target: "/init",
            headers: ["Host": "guest", "Content-Type": "application/json"]
        )
        head.headers[credential.header] = credential.secret.exposed { $0 }
        return try await http.send(head, body: body, limit: 65_536).head.status
    }

    /// Counts the kept connections as just used: the guest was paused, and for it no time has passed.
    package func wake() {
        http.renewIdle()
    }

    /// Closes the connections that are not in use.
    package func close() {
        http.closeIdle()
    }
}
