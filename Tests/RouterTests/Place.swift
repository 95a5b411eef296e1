import FoundationEssentials
import Glibc
import GuestAgent
import GuestLink
import HTTP
import Linux
import RPC
import Synchronization
import Testing
import Wire

@testable import Router

/// A guest's agent in this process, known to the router as a sandbox.
final class Guest: Sendable {
    let id: String
    let token = Random.hex(32)
    let ending = Latch<Void>()
    private let link: GuestLink
    private let sandbox: Mutex<RoutedSandbox>

    fileprivate init(_ id: String, at address: SocketAddress) {
        self.id = id
        link = GuestLink(GuestLine(to: address), token: Secret(token))
        let ending = ending
        sandbox = Mutex(
            RoutedSandbox(id: id, token: Secret(token), link: link) { _ = try await ending.value() }
        )
    }

    var routed: RoutedSandbox? { ending.current == nil ? sandbox.withLock { $0 } : nil }

    /// Says how it may be reached, before anyone has.
    func change(_ change: (inout RoutedSandbox) -> Void) { sandbox.withLock { change(&$0) } }

    /// Headers that lead to one of its ports.
    func headers(_ port: UInt16, _ more: Headers = [:]) -> Headers {
        var headers: Headers = [SandboxHeaders.id: id, SandboxHeaders.port: String(port)]
        for field in more.fields { headers.add(field.name, field.value) }
        return headers
    }
}

/// A router with guests behind it.
struct Place: Sendable {
    static let domain = "e2b.localhost"

    let guests: [Guest]
    let address: SocketAddress
    /// The same for whom the daemon trusts.
    let trusted: SocketAddress

    var guest: Guest { guests[0] }

    static func with(
        guests count: Int = 1,
        limits: RouterLimits = RouterLimits(),
        _ body: @Sendable @escaping (Place) async throws -> Void
    ) async throws {
        try await withDeadline(.seconds(120)) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                let guests = try await (0..<count).asyncMap { number in
                    try await start("i\(number)234567890abcdefghij", in: &group)
                }
                let directory = SandboxDirectory { id in
                    guests.first { $0.id == id }?.routed
                } all: {
                    guests.compactMap(\.routed)
                }
                let router = SandboxRouter(sandboxes: directory, domain: domain, limits: limits)
                let (plain, trusted) = (try Listener(.loopback(0)), try Listener(.loopback(0)))
                for (listener, isTrusted) in [(plain, false), (trusted, true)] {
                    let server = HTTPServer { exchange in
                        if try await router.route(exchange, isTrusted: { _ in isTrusted }) { return }
                        try await exchange.respond(418)
                    }
                    group.addTask { try? await server.run(on: listener) }
                }
                defer { group.cancelAll() }
                try await body(Place(guests: guests, address: plain.address, trusted: trusted.address))
            }
        }
    }

    private static func start(_ id: String, in group: inout ThrowingTaskGroup<Void, any Error>) async throws -> Guest {
        let home = "/tmp/router-\(Random.name(10))"
        try Files.makeDirectory(home)
        let secret = Random.hex(16)
        let settings = AgentSettings(
            bootstrap: SecretHash(of: secret),
            users: .caller(home: home),
            ownsMachine: false,
            controlGroups: nil,
            spoolDirectory: home
        )
        let agent = try Agent(settings)
        let (listener, gateway) = (try Listener(.loopback(0)), try Listener(.loopback(0)))
        let guest = Guest(id, at: listener.address)
        group.addTask {
            try? await agent.run(on: listener, WaysOut(gateway: gateway))
            await agent.killAll()
            try? Files.remove(home)
        }
        let identity = GuestIdentity(
            accessToken: guest.token,
            timeNanoseconds: 0,
            entropy: Data(repeating: 7, count: 32),
            hostname: id,
            machineID: String(repeating: "0", count: 32),
            envVars: ["NAME": id]
        )
        _ = try await GuestLine(to: listener.address).initialize(identity, bootstrap: Secret(secret))
        return guest
    }

    /// A client whose connections are counted by nobody.
    var http: HTTPClient { Place.http(address) }

    static func http(_ address: SocketAddress) -> HTTPClient {
        HTTPClient { try await Channel.connect(to: address) }
    }

    /// Makes a request to a port of the first guest, by header.
    func send(
        _ method: String = "GET",
        _ target: String = "/",
        port: UInt16,
        _ headers: Headers = [:],
        body: HTTPClient.Body = .none
    ) async throws -> (head: ResponseHead, body: [UInt8]) {
        try await http.send(request(method, target, guest.headers(port, headers)), body: body)
    }

    /// Connects and writes a request as it is, with the headers that lead to a port of the first guest.
    func connect(_ line: String = "GET / HTTP/1.1", port: UInt16, _ rest: String = "\r\n") async throws -> Channel {
        let channel = try await Channel.connect(to: address)
        try await channel.write(
            "\(line)\r\nHost: localhost\r\nE2b-Sandbox-Id: \(guest.id)\r\nE2b-Sandbox-Port: \(port)\r\n\(rest)"
        )
        return channel
    }

    /// Calls to the first guest's agent.
    func calls(_ headers: Headers? = nil) -> CallClient {
        var all = guest.headers(GuestProtocol.agentPort, headers ?? [GuestProtocol.tokenHeader: guest.token])
        all["Host"] = "localhost"
        return CallClient(http: http, headers: all)
    }
}

extension Range<Int> {
    fileprivate func asyncMap<Result>(_ make: (Int) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for number in self { results.append(try await make(number)) }
        return results
    }
}

func request(_ method: String = "GET", _ target: String = "/", _ headers: Headers = [:]) -> RequestHead {
    var head = RequestHead(method: method, target: target, headers: headers)
    if head.headers["Host"] == nil { head.headers["Host"] = "localhost" }
    return head
}
