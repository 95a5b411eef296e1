import Arguments
import RPC
import Wire

/// `martlet sandbox pause` and `martlet sandbox resume`.
enum PauseCommands {
    static let pause = Command(
        "pause",
        aliases: ["ps"],
        summary: "Save sandboxes as they are, and end their machines",
        discussion: """
            Processes, terminals, files and memory are kept on disk, which is all that a paused sandbox takes. It stays until it \
            is resumed or killed, also when the daemon or the computer ends. Connections to it are cut.

            With '--files-only' its processes end and its memory is thrown away; when it is resumed it is booted, and the start \
            command of its template runs anew.
            """,
        examples: [.init("martlet sandbox pause i3k9", "Come back to it tomorrow")],
        options: [.flag("--files-only", "Keep the disk and nothing of the memory")],
        arguments: [Positional("ID", "The sandboxes", kind: .repeated(isRequired: true))]
    ) { invocation in
        let keepsMemory: Bool? = invocation.flag("--files-only") ? false : nil
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        return await Status.ofEach(invocation.values("ID")) { id in
            _ = try await daemon.client.call(PauseSandbox.self, .init(id: id, keepsMemory: keepsMemory))
        }
    }

    static let resume = Command(
        "resume",
        aliases: ["rs"],
        summary: "Let paused sandboxes go on",
        discussion: "They go on as if nothing had been; only their clock knows. One that runs is left alone.",
        examples: [.init("martlet sandbox resume --timeout 2h i3k9", "For two hours")],
        options: [
            .value(
                "--timeout",
                "TIME",
                "How long it lives from now on",
                default: .described("as long as it was last given")
            )
        ],
        arguments: [Positional("ID", "The sandboxes", kind: .repeated(isRequired: true))]
    ) { invocation in
        let isGiven = invocation.isGiven("--timeout")
        let lifetime = isGiven ? try SandboxOptions.lifetime("--timeout", invocation).map { $0 / .seconds(1) } : nil
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        return await Status.ofEach(invocation.values("ID")) { id in
            let resumed = try await daemon.client.call(ResumeSandbox.self, .init(id: id, lifetime: lifetime))
            if !resumed.wasPaused { await StandardStream.say("the sandbox '\(resumed.sandbox.id)' is running already") }
        }
    }
}
