import Linux
import TLS

/// An authority of a test's own with a few certificates, in a folder that goes with the scope.
struct Authority: Sendable {
    let folder: String

    var file: String { "\(folder)/ca.pem" }

    /// `good` is for good.test and 127.0.0.1, `old` has ended, `foreign` is by nobody but itself.
    static func with<Result>(_ body: (Authority) async throws -> Result) async throws -> Result {
        let folder = "/tmp/tls-\(Random.name(10))"
        try Files.makeDirectory(folder)
        defer { try? Files.remove(folder) }
        let authority = Authority(folder: folder)
        let names = "subjectAltName=DNS:good.test,IP:127.0.0.1"
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        try Files.write(Array("\(names)\n".utf8), to: "\(folder)/names")
        try await authority.openssl(
            ["req", "-x509"] + key + ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca"]
        )
        try await authority.openssl(["req"] + key + ["-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=good"])
        for (name, days) in [("good", "1"), ("old", "-1")] {
            try await authority.openssl([
                "x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                days,
                "-extfile", "names", "-out", "\(name).pem",
            ])
        }
        try await authority.openssl([
            "x509", "-req", "-in", "request.pem", "-signkey", "key.pem", "-extfile", "names", "-out", "foreign.pem",
        ])
        return try await body(authority)
    }

    private func openssl(_ arguments: [String]) async throws {
        let output = try await Program("openssl", arguments, directory: folder).run()
        guard output.status.isSuccess else { throw LinuxError(.notFound, "openssl: \(output.errorText)") }
    }
}

/// OpenSSL's own server, which carries its standard input to the client and the client's bytes to its standard output.
struct OpenSSLServer: Sendable {
    let address: SocketAddress
    let input: Channel
    let output: Channel
    let process: ChildProcess

    static func with<Result>(
        _ authority: Authority,
        _ certificate: String = "good",
        _ options: [String] = [],
        _ body: (OpenSSLServer) async throws -> Result
    ) async throws -> Result {
        // OpenSSL wants its path to be shorter than 32 bytes.
        let socket = "\(authority.folder)/\(Random.name(4))"
        guard let path = Program.find("openssl") else { throw LinuxError(.notFound, "There is no openssl") }
        let (input, output) = (try Descriptor.pipe(), try Descriptor.pipe())
        let process = try ChildProcess.start(
            Spawn(
                path: path,
                arguments: [
                    "openssl", "s_server", "-quiet", "-unix", socket, "-cert", "\(authority.folder)/\(certificate).pem",
                    "-key", "\(authority.folder)/key.pem",
                ] + options,
                environment: [:],
                input: input.reading,
                output: output.writing,
                error: try Descriptor.null()
            )
        )
        defer { process.send(9) }
        input.reading.close()
        output.writing.close()
        let isListening = try await retrying(every: .milliseconds(5), for: .seconds(20)) {
            Files.exists(socket) || process.exit.current != nil ? process.exit.current == nil : nil
        }
        guard isListening else { throw LinuxError(.refused, "openssl s_server ended") }
        return try await body(
            OpenSSLServer(
                address: .unix(socket),
                input: try Channel(input.writing),
                output: try Channel(output.reading),
                process: process
            )
        )
    }

    /// Connects as soon as the server listens.
    func connect(_ authority: Authority, as host: String = "good.test") async throws -> TLSStream {
        let address = address
        let stream = try await retrying(every: .milliseconds(5), for: .seconds(20)) {
            do {
                return try await Channel.connect(to: address)
            } catch let error as LinuxError where error.code == .refused {
                return nil
            }
        }
        return try await TLSStream.connect(over: stream, to: host, trust: try TLSTrust(file: authority.file))
    }
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
}

func pattern(_ count: Int, _ step: UInt8) -> [UInt8] {
    var bytes: [UInt8] = (0..<251).map { $0 &* step }
    while bytes.count < count { bytes += bytes }
    return Array(bytes.prefix(count))
}

/// A listener whose connections go to `serve`, while `body` runs.
func withListener<Result: Sendable>(
    _ serve: @escaping @Sendable (Channel) async throws -> Void,
    _ body: @Sendable (SocketAddress) async throws -> Result
) async throws -> Result {
    let listener = try Listener(.loopback(0))
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
            listener.close()
        }
        return try await body(listener.address)
    }
}
