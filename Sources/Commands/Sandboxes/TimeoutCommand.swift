import Arguments
import RPC
import Wire

/// `martlet sandbox timeout`: moves a sandbox's end.
enum TimeoutCommand {
    static let command = Command(
        "timeout",
        summary: "Move the moment when a sandbox is ended",
        discussion: "Counted from now, be it sooner or later than before; 0 ends it at once.",
        examples: [
            .init("martlet sandbox timeout i3k9 600", "Ten more minutes"),
            .init("martlet sandbox timeout i3k9 never", "Until it is killed"),
        ],
        arguments: [
            SandboxOptions.sandbox, Positional("TIME", "90, 90s, 10m, 1h30m, or never", completion: .values(["never"])),
        ]
    ) { invocation in
        let isNever = invocation.value("TIME") == "never"
        let lifetime = isNever ? nil : try SandboxOptions.lifetime("TIME", invocation)
        let id = try invocation.required("ID")
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let request = SetSandboxLifetime.Request(id: id, lifetime: lifetime.map { $0 / .seconds(1) })
        _ = try await daemon.client.call(SetSandboxLifetime.self, request)
        return .success
    }
}
