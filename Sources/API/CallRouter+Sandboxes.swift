import HTTP
import Linux
import Machines
import RPC
import Sandboxes
import Wire

extension CallRouter {
    mutating func addSandboxCalls(_ sandboxes: SandboxRegistry) {
        on(CreateSandbox.self) { request, context in
            try await refusing {
                let new = NewSandbox(
                    template: request.template,
                    environment: request.environment,
                    metadata: request.metadata,
                    lifetime: request.lifetime.map { .seconds($0) }
                )
                return SandboxInfo(try await create(new, for: context, in: sandboxes), sandboxes)
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
        on(ReadConsole.self) { request, _ in
            try await refusing { ReadConsole.Response(text: try sandboxes.sandbox(request.id).machine.consoleTail()) }
        }
    }
}

/// Makes a sandbox for a caller that waits for it; of one that nobody waits for any more, nothing is left.
private func create(
    _ new: NewSandbox,
    for context: CallRouter.Context,
    in sandboxes: SandboxRegistry
) async throws -> Sandbox {
    try await withThrowingTaskGroup(of: Sandbox?.self) { group in
        group.addTask { try await sandboxes.create(new) }
        group.addTask {
            try? await context.exchange.clientGone()
            return nil
        }
        defer { group.cancelAll() }
        if let first = try await group.next(), let sandbox = first { return sandbox }
        group.cancelAll()
        // It may have been made at that very moment.
        while let rest = try? await group.next() {
            if let sandbox = rest { try? await sandboxes.kill(sandbox.id) }
        }
        throw CallError(.canceled, "The caller went away")
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
            processID: sandbox.machine.processID
        )
    }
}
