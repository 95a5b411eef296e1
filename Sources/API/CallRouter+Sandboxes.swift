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
                let made = try await sandboxes.create(new) { try? await context.exchange.clientGone() }
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
        on(ReadConsole.self) { request, _ in
            try await refusing { ReadConsole.Response(text: try sandboxes.sandbox(request.id).machine.consoleTail()) }
        }
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
