import Linux
import Synchronization
import Testing

@testable import Egress

private let good = "93.184.216.34"
private let other = "151.101.1.1"

@Suite struct `what leaves a sandbox` {
    private func named(_ names: String...) throws -> EgressPolicy { try EgressPolicy(allow: names, deny: []) }

    private func question(_ name: String, type: UInt8 = 1) -> [UInt8] {
        let labels = name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        return [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0] + labels + [0, 0, type, 0, 1]
    }

    @Test func `goes where a name allows, and comes back`() async throws {
        try await Outside.with(try named("good.com"), ["good.com": [good]]) { outside in
            #expect(await outside.echo("good.com", 443, hello("good.com")))
            #expect(await outside.echo("good.com", 80, request("good.com") + request("GOOD.com:80")))
            #expect(await outside.echo("good.com", 22, Array("SSH-2.0-x\r\n".utf8)))
            #expect(outside.events.decisions == Array(repeating: .allowed(.rule("allow good.com")), count: 3))
            #expect(outside.events.all.last?.kind == .ended(sent: 11, received: 11))
        }
    }

    @Test(arguments: ["127.0.0.1", "10.0.2.2", "169.254.169.254", "::1", "::ffff:10.0.0.1", "192.168.0.1", "0.0.0.0"])
    func `does not reach closed addresses, by number or by name`(closed: String) async throws {
        try await Outside.with(.open, ["rebound.com": [closed]]) { outside in
            #expect(await !outside.echo(closed, 443, hello("good.com")))
            #expect(await !outside.echo("rebound.com", 443, hello("rebound.com")))
            #expect(outside.events.decisions.allSatisfy { !$0.isAllowed })
            let answer = try #require(await outside.egress.answer(dns: question("rebound.com")))
            #expect(answer[3] & 15 == 3 && answer[7] == 0)
        }
    }

    @Test func `does not reach the host by its own addresses`() async throws {
        try await Outside.with(.open) { outside in
            for address in HostAddresses().current {
                #expect(await !outside.echo("\(address)", 443, hello("good.com")))
            }
        }
    }

    @Test func `does not name one host and mean another`() async throws {
        let table = ["good.com": [good], "evil.com": [other], "front.com": [good]]
        try await Outside.with(try named("good.com"), table) { outside in
            for bytes in [
                hello("evil.com"), hello("front.com"), hello(nil), request("evil.com"),
                request("good.com") + request("evil.com"), request("good.com:81"), request(other),
                request("good.com", "http://evil.com/"), Array("get / HTTP/1.1\r\nHost: evil.com\r\n\r\n".utf8),
                Array(" GET / HTTP/1.1\r\nHost: evil.com\r\n\r\n".utf8),
            ] {
                let port: UInt16 = ClientHello.begins(with: bytes[0]) ? 443 : 80
                #expect(await !outside.echo("good.com", port, bytes), "\(String(decoding: bytes, as: UTF8.self))")
                #expect(await !outside.echo(good, port, bytes))
            }
        }
    }

    @Test func `lets no byte out before its name was agreed to`() async throws {
        let seen = Mutex<[UInt8]>([])
        try await Outside.with(
            try named("good.com"),
            ["good.com": [good]],
            serve: { connection in
                while true {
                    let bytes = try await connection.read()
                    if bytes.isEmpty { return }
                    seen.withLock { $0 += bytes }
                }
            }
        ) { outside in
            let evil = hello("evil.com")
            try await outside.connect("good.com", 443) { guest in
                for byte in evil { try? await guest.write([byte]) }
                _ = try? await guest.readToEnd()
            }
            #expect(seen.withLock { $0.isEmpty })
            guard case .cut(0, 0) = outside.events.all.last?.kind else {
                Issue.record("\(outside.events.all)")
                return
            }
        }
    }

    @Test func `finds the name of an address in the first bytes, where only a name allows`() async throws {
        try await Outside.with(try named("good.com"), ["good.com": [good], "evil.com": [good]]) { outside in
            #expect(await outside.echo(good, 443, hello("good.com")))
            #expect(await outside.echo(good, 80, request("good.com")))
            // The name is allowed, but does not lead here.
            #expect(await !outside.echo(other, 443, hello("good.com")))
            // It leads here, but is not allowed.
            #expect(await !outside.echo(good, 443, hello("evil.com")))
            #expect(await !outside.echo(good, 22, Array("SSH-2.0-x\r\n".utf8)))
            #expect(outside.events.decisions.last == .denied(.platform(.noName)))
        }
    }

    @Test func `remembers which name led to an address, for protocols that name none`() async throws {
        let serve: @Sendable (Channel) async throws -> Void = { connection in
            try await connection.write("220 welcome\r\n")
            _ = try await connection.readToEnd()
        }
        try await Outside.with(try named("good.com"), ["good.com": [good]], serve: serve) { outside in
            let answer = try #require(await outside.egress.answer(dns: question("good.com")))
            #expect(answer.suffix(4) == [93, 184, 216, 34])
            // The server speaks first, and the guest says nothing until it has.
            let greeting = try await outside.connect(good, 21) { try await $0.read(exactly: 13) }
            #expect(greeting == Array("220 welcome\r\n".utf8))
            #expect(outside.events.decisions == [.allowed(.rule("allow good.com"))])
        }
    }

    @Test func `keeps to an answer that was given, when the next would differ`() async throws {
        try await Outside.with(try named("good.com"), ["good.com": [good]]) { outside in
            _ = await outside.egress.answer(dns: question("good.com"))
            outside.names.set("good.com", ["127.0.0.1"])
            #expect(await outside.echo(good, 443, hello("good.com")))
            #expect(await !outside.echo("good.com", 443, hello("good.com")))
            outside.names.set("good.com", [other])
            #expect(await outside.echo(good, 443, hello("good.com")))
        }
    }

    @Test func `does not even ask for names that are denied, nor answer other questions`() async throws {
        try await Outside.with(try named("good.com"), ["good.com": [good]]) { outside in
            for (text, type, code) in [
                ("secret.evil.com", 1, 3), ("evil.com", 28, 3), ("good.com", 16, 5), ("good.com", 255, 5),
                ("good.com", 65, 5),
            ] as [(String, UInt8, UInt8)] {
                let answer = try #require(await outside.egress.answer(dns: question(text, type: type)))
                #expect(answer[3] & 15 == code && answer[7] == 0, "\(text) \(type)")
            }
            #expect(outside.names.asked.withLock { $0.isEmpty })
            #expect(outside.events.all.count == 5)
        }
    }

    @Test func `answers questions on a stream, one after another`() async throws {
        try await Outside.with(.open, ["good.com": [good]]) { outside in
            let (guest, served) = try pair()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await outside.egress.serveDNS(served) }
                let message = question("good.com")
                let framed = [0, UInt8(message.count)] + message
                for byte in framed + framed { try await guest.write([byte]) }
                let size = message.count + 16
                let answers = try await guest.read(exactly: 2 * (size + 2))
                #expect(Int(answers[1]) == size && answers[(size + 2)...] == answers[..<(size + 2)])
                guest.close()
                try await group.waitForAll()
            }
        }
    }

    @Test func `denies by name what an open policy lists`() async throws {
        let policy = try EgressPolicy(allow: [], deny: ["evil.com", "*.evil.com"])
        try await Outside.with(policy, ["evil.com": [other], "good.com": [good]]) { outside in
            #expect(await outside.echo("good.com", 443, hello("good.com")))
            #expect(await outside.echo(good, 443, hello("good.com")))
            #expect(await outside.echo(good, 443, hello(nil)))
            #expect(await !outside.echo("evil.com", 443, hello("evil.com")))
            #expect(await !outside.echo(other, 443, hello("a.evil.com")))
            #expect(await !outside.echo(other, 80, request("evil.com")))
        }
    }

    @Test func `is cut when a new policy no longer allows it`() async throws {
        try await Outside.with(.open, ["good.com": [good], "kept.com": [other]]) { outside in
            try await outside.connect("kept.com", 5000) { kept in
                try await kept.write("x")
                try await outside.connect("good.com", 5000) { guest in
                    try await guest.write("x")
                    // Both are open as soon as both were told of.
                    _ = try await retrying(every: .milliseconds(2), for: .seconds(60)) {
                        outside.egress.state.withLock { $0.connections.count } == 2 ? true : nil
                    }
                    outside.egress.policy = try EgressPolicy(allow: ["kept.com"], deny: [])
                    let rest = try? await guest.readToEnd()
                    #expect(rest?.isEmpty != false)
                }
                try await kept.closeWriting()
                #expect(try await kept.readToEnd() == Array("x".utf8))
            }
            let cut = outside.events.all.first { if case .cut = $0.kind { true } else { false } }
            #expect(cut?.name == DomainName("good.com") && cut?.decision == .denied(.fallback))
            #expect(await !outside.echo("good.com", 5000, [1]))
        }
    }

    @Test func `slows the sender when the receiver is slow, and loses nothing`() async throws {
        let count = 8 * 1024 * 1024
        try await Outside.with(.open, ["good.com": [good]]) { outside in
            try await outside.connect("good.com", 5000) { guest in
                let bytes = [UInt8](repeating: 7, count: count)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        try await guest.write(bytes)
                        try await guest.closeWriting()
                    }
                    #expect(try await guest.readToEnd().count == count)
                    try await group.waitForAll()
                }
            }
            #expect(outside.events.all.last?.kind == .ended(sent: count, received: count))
        }
    }

    @Test func `has so many connections and no more, those that say nothing among them`() async throws {
        var limits = SandboxEgress.Limits()
        limits.connections = 2
        try await Outside.with(try named("good.com"), ["good.com": [good]], limits: limits) { outside in
            try await outside.connect(good, 443) { silent in
                try await outside.connect("good.com", 22) { open in
                    try await open.write("SSH-2.0-x\r\n")
                    _ = try await retrying(every: .milliseconds(2), for: .seconds(60)) {
                        outside.egress.state.withLock { $0.count } == 2 ? true : nil
                    }
                    #expect(await !outside.echo("good.com", 443, hello("good.com")))
                    #expect(outside.events.decisions.last == .denied(.platform(.tooManyConnections)))
                }
            }
            #expect(await outside.echo("good.com", 443, hello("good.com")))
        }
    }

    @Test func `gives up on a client that does not say whom it wants`() async throws {
        var limits = SandboxEgress.Limits()
        limits.firstWords = .milliseconds(50)
        try await Outside.with(try named("good.com"), ["good.com": [good]], limits: limits) { outside in
            let answer = try await outside.connect(good, 443) { guest in
                try await guest.write([0x16, 3])
                return try await guest.readToEnd()
            }
            #expect(answer == [0x15, 3, 3, 0, 2, 2, 49])
            #expect(outside.events.decisions == [.denied(.platform(.noName))])
        }
    }

    @Test func `is told no in its own protocol`() async throws {
        try await Outside.with(.closed) { outside in
            let answer = try await outside.connect("good.com", 80) { guest in
                try await guest.write(request("good.com"))
                return String(decoding: try await guest.readToEnd(), as: UTF8.self)
            }
            #expect(answer.hasPrefix("HTTP/1.1 403 ") && answer.contains("denied by default"))
        }
    }
}
