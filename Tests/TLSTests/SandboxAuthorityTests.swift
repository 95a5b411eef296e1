import Glibc
import Linux
import Testing

@testable import TLS

@Suite struct `a sandbox's authority` {
    /// Whether a client that trusts one authority takes a server for good.test that another gave its certificate.
    private func isTrusted(_ authority: SandboxAuthority, by trust: TLSTrust) async throws -> Bool {
        var ends: [Int32] = [-1, -1]
        try check("make a pair of sockets") {
            socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
        }
        let (near, far) = (try Channel(Descriptor(owning: ends[0])), try Channel(Descriptor(owning: ends[1])))
        let identity = try authority.identity(for: "good.test")
        return await withTaskGroup(of: Bool?.self) { group in
            group.addTask {
                let stream = try? await TLSStream.accept(over: far, as: identity)
                try? await stream?.write([1])
                return nil
            }
            group.addTask {
                defer { near.close() }
                let stream = try? await TLSStream.connect(over: near, to: "good.test", trust: trust)
                return (try? await stream?.read()) == [1]
            }
            var result = false
            for await answer in group { if let answer { result = answer } }
            return result
        }
    }

    @Test func `is another in each fork, which programs from before it believe all the same`() async throws {
        let folder = "/tmp/tls-\(Random.name(10))"
        try Files.makeDirectory(folder)
        defer { try? Files.remove(folder) }
        let names = ["parent", "child", "grandchild", "stranger"]
        var authorities: [SandboxAuthority] = []
        var trusts: [TLSTrust] = []
        for (number, name) in names.enumerated() {
            let above = name == "stranger" || number == 0 ? nil : "\(folder)/\(names[number - 1]).pem"
            _ = try SandboxAuthority(file: "\(folder)/\(name).pem", below: above)
            // As the next daemon has it.
            let authority = try SandboxAuthority(file: "\(folder)/\(name).pem")
            try Files.write(authority.certificate, to: "\(folder)/\(name).crt")
            authorities.append(authority)
            trusts.append(try TLSTrust(file: "\(folder)/\(name).crt"))
        }
        #expect(Set(authorities.map(\.certificate)).count == names.count)
        for (server, authority) in zip(names, authorities) {
            for (client, trust) in zip(names, trusts) {
                let expected =
                    server == client || client == "parent" && server != "stranger"
                    || client == "child" && server == "grandchild"
                let trusted = try await isTrusted(authority, by: trust)
                #expect(trusted == expected, "\(client) to \(server)")
            }
        }
        // Its file has one key: its own.
        let text = String(decoding: try Files.read("\(folder)/grandchild.pem"), as: UTF8.self)
        #expect(text.split(separator: "BEGIN PRIVATE KEY").count == 2)
        #expect(text.split(separator: "BEGIN CERTIFICATE").count == 4)
    }
}
