import FoundationEssentials
import HTTP
import Linux
import RPC
import Wire

extension GuestLink {
    /// What ``rehearseGoingOn()`` does; part of a template's key.
    package static let rehearsal = "hold, renew, journal, metrics"

    /// Has the guest do once what it does first when it goes on in another machine; it stays whose it is.
    ///
    /// What its agent needs for that is then in its memory, and Swift's runtime has made the types: in each machine that is made
    /// of it that is done already.
    package func rehearseGoingOn() async throws {
        try await holding {}
        let identity = GuestIdentity(
            accessToken: calls.headers[GuestProtocol.tokenHeader] ?? "",
            timeNanoseconds: Int64(Date().timeIntervalSince1970 * 1_000_000_000),
            entropy: Data(Random.bytes(64)),
            hostname: "martlet",
            machineID: Random.hex(16),
            envVars: [:],
            renewal: .fork
        )
        let head = RequestHead(method: "POST", target: "/init", headers: calls.headers)
        let answer = try await http.send(head, body: .bytes(try identity.encoded()), limit: 65_536)
        try Self.check(answer, "take an identity once more")
        _ = try await call(ReadJournal.self, .init(after: 0, limit: 1))
        _ = try await call(ReadMetrics.self, Empty())
    }
}
