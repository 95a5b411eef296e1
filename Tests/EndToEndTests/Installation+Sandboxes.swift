import Glibc
import HTTP
import Linux
import RPC
import Records
import Testing
import Wire

extension Installation {
    /// Makes a sandbox, hands it to `body`, and ends it unless it has ended.
    func withSandbox(_ body: @Sendable @escaping (SandboxInfo) async throws -> Void) async throws {
        try await Self.slots.withPermit { [self] in
            let sandbox = try await client.call(CreateSandbox.self, .init(template: "claude"))
            try await body(sandbox)
            try await martlet(["kill", sandbox.id])
        }
    }

    /// Runs a program in a sandbox, as its root.
    func exec(_ sandbox: SandboxInfo, _ words: String..., input: [UInt8] = []) async throws -> Program.Output {
        try await martlet(["exec", "-u", "root", sandbox.id, "--"] + words, input: input)
    }

    /// The port on the host that leads to a sandbox's agent, or to the daemon: what `pid` listens on.
    func port(of pid: Int32) throws -> UInt16 {
        let sockets = Set(
            Files.list("/proc/\(pid)/fd").compactMap { Files.linkTarget("/proc/\(pid)/fd/\($0)") }
                .filter { $0.hasPrefix("socket:[") }.map { String($0.dropFirst(8).dropLast()) }
        )
        // Columns: number, local address, remote address, state, …, inode at the tenth. State 0A listens.
        for line in String(decoding: try Files.read("/proc/net/tcp"), as: UTF8.self).split(separator: "\n").dropFirst()
        {
            let fields = line.split(separator: " ")
            guard fields.count > 9, fields[3] == "0A", sockets.contains(String(fields[9])) else { continue }
            return try #require(fields[1].split(separator: ":").last.flatMap { UInt16($0, radix: 16) })
        }
        throw Unexpected("Process \(pid) listens on no port")
    }

    /// Where a sandbox's machine lives while it runs.
    func directory(of sandbox: SandboxInfo) throws -> String {
        try #require(Files.linkTarget("/proc/\(sandbox.processID)/cwd"))
    }

    /// Waits until neither the daemon nor the host knows of a sandbox whose machine lived in `directory`.
    func forgets(_ sandbox: SandboxInfo, _ directory: String) async throws {
        try await retrying(every: .milliseconds(20), for: .seconds(120)) { [self] in
            let isListed = try await sandboxes().contains { $0.id == sandbox.id }
            return isListed || Files.exists("/proc/\(sandbox.processID)") || Files.exists(directory) ? nil : ()
        }
    }
}

/// Sends bytes to a port as they are, and gives what comes back until the other side closes.
func raw(_ text: String, to port: UInt16) async throws -> String {
    try await withDeadline(.seconds(120)) {
        let channel = try await Channel.connect(to: .loopback(port))
        defer { channel.close() }
        try await channel.write(Array(text.utf8))
        var all: [UInt8] = []
        while true {
            let bytes = try await channel.read(upTo: 65_536)
            if bytes.isEmpty { return String(decoding: all, as: UTF8.self) }
            all += bytes
        }
    }
}
