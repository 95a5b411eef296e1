import Linux
import Synchronization

extension SandboxEgress {
    /// Connects to the first address that answers, and carries bytes until both sides are done.
    func run(
        _ guest: any ByteStream,
        _ route: Route,
        _ port: UInt16,
        _ words: FirstWords,
        _ first: [UInt8]
    ) async throws {
        let name = route.names.first
        let connection = OpenConnection(guest, to: route.addresses[0], port, names: route.names)
        let key = try register(connection, name)
        defer { forget(key) }
        tell(.connection, route.decision, name, route.addresses[0], port)
        let (address, outside): (IPAddress, any ByteStream)
        do {
            (address, outside) = try await reach(route.addresses, port)
        } catch {
            return tell(.unreachable("\(error)"), route.decision, name, route.addresses[0], port)
        }
        if connection.attach(outside, at: address) {
            await exchange(guest, outside, connection, route.claim, words, first)
        }
        let counts = connection.counts.withLock { $0 }
        if let cut = counts.cut {
            tell(.cut(sent: counts.sent, received: counts.received), cut, name, connection.address, port)
        } else {
            tell(.ended(sent: counts.sent, received: counts.received), route.decision, name, connection.address, port)
        }
    }

    /// Lets a change of the policy find a connection, until ``forget(_:)``.
    func register(_ connection: OpenConnection, _ name: DomainName?) throws -> Int {
        let host = host.current
        return try state.withLock { state in
            // Once more, with the lock held: the policy may have changed since, and whoever changed it did not see this one.
            let decision = connection.decision(by: state.policy, host)
            guard decision.isAllowed else { throw Denial(decision, name) }
            state.nextKey += 1
            state.connections[state.nextKey] = connection
            return state.nextKey
        }
    }

    func forget(_ key: Int) {
        state.withLock { _ = $0.connections.removeValue(forKey: key) }
    }

    func reach(_ addresses: [IPAddress], _ port: UInt16) async throws -> (IPAddress, any ByteStream) {
        let connect = connect
        return try await withDeadline(limits.connect) {
            var failure: any Error = CancellationError()
            for address in addresses {
                do {
                    return (address, try await connect(address, port))
                } catch let error as LinuxError {
                    failure = error
                }
            }
            throw failure
        }
    }

    private func exchange(
        _ guest: any ByteStream,
        _ outside: any ByteStream,
        _ connection: OpenConnection,
        _ claim: Claim,
        _ words: FirstWords,
        _ first: [UInt8]
    ) async {
        await withTaskCancellationHandler {
            await withTaskGroup(of: Bool.self) { group in
                group.addTask { [self] in
                    do {
                        try await send(guest, outside, connection, claim, words, first)
                        return true
                    } catch let denial as Denial {
                        connection.cut(denial.decision)
                    } catch is FirstWords.Malformed {
                        connection.cut(.denied(.platform(.malformed)))
                    } catch {}
                    return false
                }
                group.addTask { [self] in (try? await receive(outside, guest, connection)) != nil }
                for await isClean in group where !isClean {
                    guest.close()
                    outside.close()
                }
            }
        } onCancel: {
            guest.close()
            outside.close()
        }
        guest.close()
        outside.close()
    }

    /// Guest to outside. No byte leaves before the names in it were agreed to.
    private func send(
        _ guest: any ByteStream,
        _ outside: any ByteStream,
        _ connection: OpenConnection,
        _ claim: Claim,
        _ words: FirstWords,
        _ first: [UInt8]
    ) async throws {
        var words = words
        var bytes = first
        var isWatched = true
        if case .none = claim { isWatched = false }
        if !first.isEmpty { try await pass(first, to: outside, connection) }
        while true {
            bytes = try await guest.read()
            if bytes.isEmpty {
                try await pass(words.finish(), to: outside, connection)
                break
            }
            if isWatched {
                let step = try words.add(bytes)
                // On this port, what does not look like HTTP to us may still look like it to a lenient server.
                if connection.port == 80, words.isOpaque, step.names.isEmpty { throw Denial(.noName) }
                for name in step.names {
                    try await agree(name, claim, connection.address, connection.port)
                    if let used = name.domain { connection.add(used) }
                }
                bytes = step.bytes
                if words.isOpaque { isWatched = false }
            }
            try await pass(bytes, to: outside, connection)
        }
        try await outside.closeWriting()
    }

    private func pass(_ bytes: [UInt8], to outside: any ByteStream, _ connection: OpenConnection) async throws {
        if bytes.isEmpty { return }
        try await outside.write(bytes)
        connection.counts.withLock { $0.sent += bytes.count }
    }

    private func receive(_ outside: any ByteStream, _ guest: any ByteStream, _ connection: OpenConnection) async throws
    {
        while true {
            let bytes = try await outside.read()
            if bytes.isEmpty { break }
            try await guest.write(bytes)
            connection.counts.withLock { $0.received += bytes.count }
        }
        try await guest.closeWriting()
    }
}

extension FirstWords.Name {
    var domain: DomainName? {
        switch self {
        case .tls(let name): name
        case .http(let authority): if case .name(let name) = authority.host { name } else { nil }
        }
    }
}
