import FoundationEssentials
import HTTP
import Linux
import RPC
import Wire

/// Files into a sandbox and out of it, over the network, as E2B's clients send them.
struct FileBenchmarks: Sendable {
    let daemon: TestedDaemon
    let isQuick: Bool

    private static let path = "/home/user/benchmark"

    func transfers() async throws -> [Measurement] {
        try await daemon.withSandbox { try await transfers(with: $0) }
    }

    private func transfers(with sandbox: SandboxInfo) async throws -> [Measurement] {
        let network = try await daemon.network()
        let free = try await daemon.run(["df", "--output=avail", "-B1", "/home/user"], in: sandbox)
        let space = Int(free.split(separator: "\n").last?.filter(\.isNumber) ?? "") ?? 0
        var all: [Measurement] = []
        var peaks: [Double] = []
        for (name, size, rounds) in [("1 MiB", 1 << 20, 10), ("64 MiB", 64 << 20, 3), ("1 GiB", 1 << 30, 1)] {
            var upload = Measurement("file.upload.\(size)", "upload of \(name)", .mebibytesPerSecond)
            var download = Measurement("file.download.\(size)", "download of \(name)", .mebibytesPerSecond)
            var peak = Measurement("file.memory.\(size)", "  the daemon's resident memory at most", .mebibytes)
            if isQuick && size > 64 << 20 {
                upload.note = "left out by --quick"
                all.append(upload)
                continue
            }
            if space < size + (256 << 20) {
                upload.note = "the template's disk has only \(space >> 20) MiB free"
                all.append(upload)
                continue
            }
            Proc.forgetPeak(daemon.process)
            for _ in 0..<rounds {
                upload.values.append(try await Self.speed(size) { try await Self.upload(size, to: sandbox, network) })
                download.values.append(
                    try await Self.speed(size) { try await Self.download(size, of: sandbox, network) }
                )
            }
            peak.values = [Proc.peakMemory(daemon.process)].compactMap { $0 }
            peaks += peak.values
            all += [upload, download, peak]
        }
        var growth = Measurement(
            "file.memory.growth",
            "the largest file's peak above the smallest's",
            .mebibytes,
            target: 8
        )
        if let first = peaks.first, let last = peaks.last, peaks.count > 1 { growth.values = [max(0, last - first)] }
        return all + [growth]
    }

    private static func speed(_ size: Int, _ body: () async throws -> Void) async throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        try await body()
        return Double(size) / 1_048_576 / ((clock.now - start) / .seconds(1))
    }

    private static func head(_ method: String, _ sandbox: SandboxInfo, _ network: NetworkClient) -> RequestHead {
        var head = RequestHead(
            method: method,
            target: "/files?path=\(path)&username=user",
            headers: network.agentHeaders(of: sandbox)
        )
        if method == "POST" { head.headers["Content-Type"] = "application/octet-stream" }
        return head
    }

    private static func upload(_ size: Int, to sandbox: SandboxInfo, _ network: NetworkClient) async throws {
        let part = Random.bytes(256 * 1024)
        let body = HTTPClient.Body.stream(length: size) { body in
            for _ in 0..<(size / part.count) { try await body.write(part) }
        }
        let answer = try await network.http.send(head("POST", sandbox, network), body: body)
        guard answer.head.status == 200 else {
            throw BenchmarkError("An upload was answered \(answer.head.status)")
        }
    }

    private static func download(_ size: Int, of sandbox: SandboxInfo, _ network: NetworkClient) async throws {
        let count = try await network.http.withResponse(to: head("GET", sandbox, network)) { response in
            var count = 0
            while true {
                let bytes = try await response.body.read()
                if bytes.isEmpty { return count }
                count += bytes.count
            }
        }
        guard count == size else { throw BenchmarkError("A download had \(count) bytes instead of \(size)") }
    }
}
