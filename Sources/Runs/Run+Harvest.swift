import Gateway
import GuestLink
import Linux
import Sandboxes
import Wire

/// What is left when the agent has ended: its changes, its files, and a sandbox to end.
extension Run {
    /// Brings out what the run leaves, all at once. What can not be brought out is a warning: the result stands without it.
    func collect(_ workspace: Workspace, _ progress: inout RunProgress) async {
        let session = progress.report.sessionID
        async let diff = Self.trying { try await workspace.diff() }
        async let state = Self.trying { try await keepState(workspace, session) }
        for path in options.artifacts {
            progress.report.artifacts.append(await artifact(path, workspace, store.artifacts(id)))
        }
        do {
            if let diff = try await diff.get() {
                progress.report.diff = diff
                try Files.write(diff.utf8, to: store.diff(id))
            }
        } catch {
            progress.report.warnings.append("The diff could not be made: \(error)")
        }
        if case .failure(let error) = await state {
            progress.report.warnings.append("The run can not be gone on with: its state could not be kept: \(error)")
        }
    }

    /// What a later run needs to go on with this one: the working directory and the session.
    private func keepState(_ workspace: Workspace, _ session: String?) async throws {
        try await workspace.pack(to: store.workspace(id))
        guard let session else { return }
        let bytes = try await workspace.link.readFile(
            workspace.sessionFile(session),
            user: Workspace.user,
            limit: 256 * 1024 * 1024
        )
        try Files.write(bytes, to: store.session(id))
    }

    private static func trying<Value: Sendable>(
        _ body: @Sendable () async throws -> Value
    ) async -> Result<Value, any Error> {
        do { return .success(try await body()) } catch { return .failure(error) }
    }

    private func artifact(_ path: String, _ workspace: Workspace, _ directory: String) async -> RunReport.Artifact {
        let guestPath = path.hasPrefix("/") ? path : "\(workspace.path)/\(path)"
        do {
            let bytes = try await workspace.link.readFile(guestPath, user: Workspace.user, limit: 1 << 30)
            try Files.makeDirectory(directory)
            // A flat name: the guest's path decides nothing about where the host writes.
            let flat = String(path.map { $0 == "/" ? "_" : $0 }).drop { $0 == "_" || $0 == "." }
            let name = flat.isEmpty ? "artifact" : String(flat)
            var file = "\(directory)/\(name)"
            var copies = 1
            while Files.exists(file) {
                copies += 1
                file = "\(directory)/\(copies)-\(name)"
            }
            try Files.write(bytes, to: file)
            return RunReport.Artifact(path: path, file: file, bytes: bytes.count, error: nil)
        } catch {
            return RunReport.Artifact(path: path, file: nil, bytes: nil, error: "\(error)")
        }
    }

    func tearDown(_ progress: RunProgress) async -> RunReport {
        var report = progress.report
        let clock = ContinuousClock()
        let start = clock.now
        if let endpoint = progress.endpoint {
            report.usage = endpoint.usage.report
            // Metered here; else the agent's own figure, which counts its session from the beginning.
            let before = previous?.sessionCostUSD ?? 0
            report.costUSD = endpoint.usage.costUSD ?? report.sessionCostUSD.map { max(0, $0 - before) }
            gateway.close(endpoint)
        }
        report.network = progress.network?.uses
        if let schema { report.attempts = schema.attempts() }
        if let sandbox = progress.sandbox {
            // One that was kept before this run stays, whoever goes on in it.
            let isKept = options.keep || (previous?.kept == true && previous?.sandboxID == sandbox.id)
            report.kept = isKept && sandbox.isRunning
            if !report.kept { try? await sandboxes.kill(sandbox.id) }
        }
        // Sums of small prices: what is beyond a millionth of a dollar is noise.
        report.costUSD = report.costUSD.map { ($0 * 1_000_000).rounded() / 1_000_000 }
        if Files.exists(store.transcript(id)) { report.transcript = store.transcript(id) }
        report.durations.teardown = Int((clock.now - start) / .milliseconds(1))
        return report
    }
}
