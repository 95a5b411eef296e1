import Glibc
import Linux
import Wire

/// The router beside nginx: the same server behind each, the same load from wrk, in the same minute.
struct RouterBenchmarks: Sendable {
    let home: String
    /// This program, which is also what is measured.
    let program: String
    let isQuick: Bool

    private static let connections = 32

    func all() async throws -> [Measurement] {
        let name = "the router behind load"
        guard Program.find("wrk") != nil, Program.find("nginx") != nil else {
            return [.missing("router", name, "wrk or nginx is not installed; 'scripts/setup bench' installs them")]
        }
        let place = "\(home)/bench-\(Random.name(8))"
        try Files.makeDirectory(place)
        defer { try? Files.remove(place) }
        let origin = try await StageProcess.start(program, ["origin"])
        defer { origin.end() }
        let router = try await StageProcess.start(program, ["router", "\(origin.port)"])
        defer { router.end() }
        let nginx = try await startNginx(before: origin.port, in: place)
        defer { nginx.end() }
        var all: [Measurement] = []
        for (id, name, process) in [
            ("direct", "a server without anything before it", origin), ("nginx", "the same behind nginx", nginx),
            ("router", "the same behind the router", router),
        ] { all += try await load(id, name, process) }
        return all
    }

    private func load(_ id: String, _ name: String, _ process: StageProcess) async throws -> [Measurement] {
        var rate = Measurement("router.\(id).rate", name, .requestsPerSecond)
        var last = Measurement("router.\(id).p99", "  the slowest hundredth waits", .microseconds)
        var cost = Measurement("router.\(id).cpu", "  its processor time for a request", .microseconds)
        for round in 0...(isQuick ? 1 : 3) {
            let before = ProcessorTime.seconds(of: process.child.pid) ?? 0
            // The first one opens connections, and is left out.
            let seconds = round == 0 ? 1 : 4
            let load = try await Load.run(port: process.port, connections: Self.connections, seconds: seconds)
            if round == 0 { continue }
            rate.values.append(load.rate)
            last.values.append(load.p99)
            let used = (ProcessorTime.seconds(of: process.child.pid) ?? 0) - before
            if load.requests > 0 { cost.values.append(used / Double(load.requests) * 1_000_000) }
            if load.errors > 0 { rate.note = "\(load.errors) requests failed" }
        }
        return [rate, last, cost]
    }

    private func startNginx(before origin: UInt16, in place: String) async throws -> StageProcess {
        let free = try Listener(.loopback(0))
        guard case .tcp(_, let port) = free.address else { throw BenchmarkError("There is no port to be had") }
        free.close()
        let configuration = """
            daemon off;
            master_process off;
            pid \(place)/pid;
            error_log \(place)/error warn;
            events { worker_connections 1024; }
            http {
                access_log off;
                keepalive_requests 100000000;
                client_body_temp_path \(place)/body;
                proxy_temp_path \(place)/proxy;
                fastcgi_temp_path \(place)/fastcgi;
                uwsgi_temp_path \(place)/uwsgi;
                scgi_temp_path \(place)/scgi;
                upstream origin {
                    server 127.0.0.1:\(origin);
                    keepalive \(Self.connections);
                    keepalive_requests 100000000;
                }
                server {
                    listen 127.0.0.1:\(port);
                    location / {
                        proxy_pass http://origin;
                        proxy_http_version 1.1;
                        proxy_set_header Connection "";
                    }
                }
            }
            """
        try Files.write(Array(configuration.utf8), to: "\(place)/nginx.conf")
        let process = try StageProcess(
            child: StageProcess.spawn(
                Program.find("nginx") ?? "nginx",
                ["-c", "\(place)/nginx.conf", "-p", place],
                output: Descriptor.null()
            ),
            port: port
        )
        try await retrying(every: .milliseconds(20), for: .seconds(20)) { () -> Void? in
            if process.child.exit.current != nil { throw BenchmarkError("nginx ended at once") }
            guard let channel = try? await Channel.connect(to: .loopback(port)) else { return nil }
            channel.close()
            return ()
        }
        return process
    }
}

/// A program that stands on the stage.
struct StageProcess: Sendable {
    let child: ChildProcess
    let port: UInt16

    /// Starts this program as one of the ``Stage``.
    static func start(_ program: String, _ arguments: [String]) async throws -> StageProcess {
        let output = try Descriptor.pipe()
        let child = try spawn(program, ["--stage"] + arguments, output: output.writing)
        output.writing.close()
        let channel = try Channel(output.reading)
        let line = try await withDeadline(.seconds(20)) { try await channel.read() }
        guard let port = UInt16(String(decoding: line, as: UTF8.self).filter { !$0.isWhitespace }) else {
            throw BenchmarkError("'\(arguments)' did not say its port")
        }
        return StageProcess(child: child, port: port)
    }

    static func spawn(_ path: String, _ arguments: [String], output: Descriptor) throws -> ChildProcess {
        let null = try Descriptor.null()
        var spawn = Spawn(
            path: path,
            arguments: [path] + arguments,
            environment: Program.plainEnvironment(),
            input: null,
            output: output,
            error: null
        )
        spawn.startsSession = true
        return try ChildProcess.start(spawn)
    }

    func end() { child.send(SIGKILL) }
}
