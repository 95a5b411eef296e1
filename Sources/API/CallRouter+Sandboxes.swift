import Access
import Egress
import GuestLink
import HTTP
import Linux
import Machines
import RPC
import Sandboxes
import Volumes
import Wire

extension CallRouter {
    mutating func addSandboxCalls(_ sandboxes: SandboxRegistry, _ volumes: VolumeStore) {
        on(CreateSandbox.self) { request, context in
            try await refusing {
                var new = NewSandbox(
                    template: request.template,
                    environment: request.environment,
                    metadata: request.metadata,
                    lifetime: request.lifetime.map { .seconds($0) }
                )
                new.egress = try EgressPolicy(
                    allow: request.allow ?? [],
                    deny: request.deny ?? [],
                    headers: request.headers ?? [],
                    git: request.git ?? [],
                    otherwise: sandboxes.networks.settings.policy
                )
                if let egress = new.egress { try await sandboxes.networks.findSecrets(of: egress, owner: new.owner) }
                new.keyID = Caller.current.key?.id
                new.lifecycle = Lifecycle(
                    onTimeout: request.pausesOnTimeout == true ? .pause : .kill,
                    resumesOnTraffic: request.resumesOnTraffic ?? false
                )
                new.lifecycle.idleLimit = request.idleLimit.map { max(1, min($0, 1e7)) }
                // Saving takes a moment of the sandbox's time.
                new.checkpointInterval = request.checkpointInterval.map { .seconds(max(1, min($0, 1e7))) }
                new.volumes = try await volumes.mounts(request.volumes ?? [], owner: new.owner)
                let wish = new
                let made = try await sandboxes.create(wish) { try? await context.exchange.clientGone() }
                guard let made else { throw CallError(.canceled, "The caller went away") }
                return SandboxInfo(made, sandboxes)
            }
        }
        on(GetSandbox.self) { request, _ in
            try await refusing { SandboxInfo(try sandboxes.sandbox(request.id), sandboxes) }
        }
        on(ListSandboxes.self) { _, _ in
            ListSandboxes.Response(sandboxes: sandboxes.list().map { SandboxInfo($0, sandboxes) })
        }
        on(KillSandbox.self) { request, _ in
            try await refusing { try await sandboxes.kill(request.id) }
            return Empty()
        }
        on(ForkSandbox.self) { request, context in
            try await refusing {
                let wish = ForkRequest(count: request.count, lifetime: request.lifetime.map { .seconds($0) })
                let parent = try sandboxes.sandbox(request.id)
                let fork = try await sandboxes.fork(parent, wish) { try? await context.exchange.clientGone() }
                guard let fork else { throw CallError(.canceled, "The caller went away") }
                return ForkSandbox.Response(fork, sandboxes)
            }
        }
        on(PauseSandbox.self) { request, _ in
            try await refusing {
                let sandbox = try sandboxes.sandbox(request.id)
                try await sandboxes.pause(sandbox, keepingMemory: request.keepsMemory ?? true)
                return SandboxInfo(sandbox, sandboxes)
            }
        }
        on(ResumeSandbox.self) { request, _ in
            try await refusing {
                let sandbox = try sandboxes.sandbox(request.id)
                let lifetime = request.lifetime.map { ResumedLifetime.anew(.seconds(max(1, min($0, 1e10)))) }
                let wasPaused = try await sandboxes.resume(sandbox, living: lifetime ?? .asBefore)
                return ResumeSandbox.Response(sandbox: SandboxInfo(sandbox, sandboxes), wasPaused: wasPaused)
            }
        }
        on(SetSandboxLifetime.self) { request, _ in
            try await refusing {
                let sandbox = try sandboxes.sandbox(request.id)
                let lifetime = request.lifetime.map { Duration.seconds(max(0, min($0, 1e10))) }
                try await sandboxes.setLifetime(of: sandbox, to: lifetime)
                return SandboxInfo(sandbox, sandboxes)
            }
        }
        on(ReadSandboxLogs.self) { request, _ in
            try await refusing {
                let (entries, hasEnded) = try await journal(request.id, sandboxes)
                let limit = min(max(1, request.limit), ReadSandboxLogs.Request.defaultLimit)
                return ReadSandboxLogs.Response(
                    entries: Array(entries.drop { $0.sequence <= request.after }.prefix(limit)),
                    hasEnded: hasEnded
                )
            }
        }
        on(ReadSandboxMetrics.self) { request, _ in
            try await refusing {
                let sandbox = try sandboxes.sandbox(request.id)
                return ReadSandboxMetrics.Response(samples: try await sandbox.metrics())
            }
        }
        on(ReadConsole.self) { request, _ in
            try await refusing {
                ReadConsole.Response(text: try sandboxes.sandbox(request.id).stay?.machine.consoleTail() ?? "")
            }
        }
    }
}

/// What happened in a sandbox that runs, or did until a while ago.
private func journal(_ id: String, _ sandboxes: SandboxRegistry) async throws -> ([JournalEntry], hasEnded: Bool) {
    let archive = sandboxes.archive
    if archive.sandbox(id) != nil { return (try await archive.entries(id), true) }
    let sandbox = try sandboxes.sandbox(id)
    do {
        return (try await sandbox.entries(), false)
    } catch {
        // It may be ending at this very moment; then what is kept of it tells.
        let isKept: Void? = try? await retrying(every: .milliseconds(20), for: .seconds(5)) {
            archive.sandbox(sandbox.id).map { _ in }
        }
        guard isKept != nil else { throw error }
        return (try await archive.entries(sandbox.id), true)
    }
}

extension SandboxInfo {
    init(_ sandbox: Sandbox, _ sandboxes: SandboxRegistry) {
        let record = sandbox.record
        self.init(
            id: record.id,
            template: record.template,
            created: record.created,
            ends: record.ends,
            metadata: record.metadata,
            processors: sandbox.template.shape.processors,
            memoryMiB: sandbox.template.shape.memoryMiB,
            isolation: "microvm (\(sandboxes.identity.accelerator.rawValue))",
            processID: sandbox.stay?.machine.processID ?? 0,
            state: sandbox.condition ?? .running,
            saved: record.saved?.at
        )
    }
}

extension ForkSandbox.Response {
    init(_ fork: Fork, _ sandboxes: SandboxRegistry) {
        self.init(
            sandboxes: fork.sandboxes.map { SandboxInfo($0, sandboxes) },
            failures: fork.children.compactMap { child in
                guard case .failure(let error) = child else { return nil }
                return CallError(refusing: error).message
            },
            pauseMilliseconds: fork.pause / .milliseconds(1),
            holdMilliseconds: fork.hold / .milliseconds(1)
        )
    }
}
