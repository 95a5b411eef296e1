import Glibc
import Linux
import Synchronization
import Testing

@testable import Egress

func domain(_ text: String) throws -> DomainName { try #require(DomainName(text)) }
func ip(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

/// Two ends of one unix stream.
func pair() throws -> (Channel, Channel) {
    var ends: [Int32] = [-1, -1]
    try check("make a pair of sockets") {
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
    }
    return (try Channel(Descriptor(owning: ends[0])), try Channel(Descriptor(owning: ends[1])))
}

extension ByteStream {
    func readToEnd() async throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let bytes = try await read()
            if bytes.isEmpty { return all }
            all += bytes
        }
    }

    func read(exactly count: Int) async throws -> [UInt8] {
        var all: [UInt8] = []
        while all.count < count {
            let bytes = try await read(upTo: count - all.count)
            if bytes.isEmpty { break }
            all += bytes
        }
        return all
    }

    func write(_ text: String) async throws { try await write(Array(text.utf8)) }
}

/// Names that a test gives out, and takes back.
final class Names: NameResolving {
    private let table: Mutex<[String: [String]]>
    let asked = Mutex<[String]>([])

    init(_ table: [String: [String]]) { self.table = Mutex(table) }

    func set(_ name: String, _ addresses: [String]) { table.withLock { $0[name] = addresses } }

    func addresses(of name: DomainName) async throws -> [IPAddress] {
        asked.withLock { $0.append(name.text) }
        return table.withLock { $0[name.text] ?? [] }.compactMap { IPAddress($0) }
    }
}

/// A sandbox's egress in front of one real server, which plays every address.
struct Outside: Sendable {
    let egress: SandboxEgress
    let names: Names
    let events: Events
    let server: Listener

    final class Events: Sendable {
        private let events = Mutex<[EgressEvent]>([])
        func add(_ event: EgressEvent) { events.withLock { $0.append(event) } }
        var all: [EgressEvent] { events.withLock { $0 } }
        var decisions: [EgressDecision] { all.filter { $0.kind == .connection }.map(\.decision) }
    }

    static func with<Result: Sendable>(
        _ policy: EgressPolicy,
        _ names: [String: [String]] = [:],
        limits: SandboxEgress.Limits = SandboxEgress.Limits(),
        opening: RequestOpening? = nil,
        serve: @escaping @Sendable (Channel) async throws -> Void = { try await $0.write(try await $0.readToEnd()) },
        _ body: @Sendable @escaping (Outside) async throws -> Result
    ) async throws -> Result {
        let listener = try Listener(.loopback(0))
        let table = Names(names)
        let events = Events()
        let egress = SandboxEgress(
            sandboxID: "isandbox",
            policy: policy,
            resolver: table,
            limits: limits,
            connect: { _, _ in try await Channel.connect(to: listener.address) },
            opening: opening.map { opening in { @Sendable in opening } },
            note: { events.add($0) }
        )
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await withTaskGroup(of: Void.self) { connections in
                    while let connection = try? await listener.accept() {
                        connections.addTask {
                            try? await serve(connection)
                            connection.close()
                        }
                    }
                    connections.cancelAll()
                }
            }
            defer {
                group.cancelAll()
                egress.close()
                listener.close()
            }
            return try await withDeadline(.seconds(60)) {
                try await body(Outside(egress: egress, names: table, events: events, server: listener))
            }
        }
    }

    /// Opens a connection as the guest does, and lets `body` play the guest's program.
    func connect<Result: Sendable>(
        _ destination: String,
        _ port: UInt16,
        _ body: @Sendable @escaping (Channel) async throws -> Result
    ) async throws -> Result {
        let (guest, carried) = try pair()
        let destination = try #require(EgressDestination(destination))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await egress.carry(carried, to: destination, port: port) }
            let result = try await body(guest)
            guest.close()
            try await group.waitForAll()
            return result
        }
    }

    /// Whether what is sent comes back; not when the connection was refused or cut.
    func echo(_ destination: String, _ port: UInt16, _ bytes: [UInt8]) async -> Bool {
        let echoed = try? await connect(destination, port) { guest in
            try await guest.write(bytes)
            try await guest.closeWriting()
            return try await guest.readToEnd()
        }
        return echoed == bytes
    }
}

/// A ClientHello with a name and whatever else is wanted.
func hello(
    _ name: String?,
    recordSize: Int = 16_384,
    extensions: [(UInt16, [UInt8])] = [(43, [2, 3, 4]), (10, [0, 2, 0, 29])]
) -> [UInt8] {
    func two(_ number: Int) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 255)] }
    var list: [UInt8] = []
    if let name {
        let entry = [0] + two(name.utf8.count) + Array(name.utf8)
        list += two(0) + two(entry.count + 2) + two(entry.count) + entry
    }
    for (type, body) in extensions { list += two(Int(type)) + two(body.count) + body }
    let body = [3, 3] + [UInt8](repeating: 7, count: 32) + [0] + two(2) + [0x13, 1] + [1, 0] + two(list.count) + list
    let message = [1, 0] + two(body.count) + body
    var records: [UInt8] = []
    var rest = message[...]
    while !rest.isEmpty {
        let part = rest.prefix(recordSize)
        records += [0x16, 3, 1] + two(part.count) + part
        rest = rest.dropFirst(part.count)
    }
    return records
}

func request(_ host: String, _ target: String = "/", _ more: String = "") -> [UInt8] {
    Array("GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\(more)\r\n".utf8)
}
