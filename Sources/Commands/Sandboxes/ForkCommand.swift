import Arguments
import RPC
import Wire

/// `martlet sandbox fork`: sandboxes that go on from where one is.
enum ForkCommand {
    static let command = Command(
        "fork",
        summary: "Make sandboxes that go on from where one is",
        discussion: """
            Each has the memory, the processes and the files of the one it comes from, and an identity of its own; that one \
            goes on and hardly notices. Connections stay with it. Prints an id a line. Where some could not be made, the \
            others are there, and the status is 1.

            A program that keeps a random generator of its own, seeded before, rolls the same in all of them; the file \
            /run/martlet/generation, which is another in each, tells it to seed it anew.
            """,
        examples: [
            .init("martlet sandbox fork i3k9", "One more"),
            .init("martlet sandbox fork i3k9 --count 8 --timeout 10m", "Eight more, for ten minutes"),
        ],
        options: [
            .value("--count", "N", short: "n", "How many, up to 100", default: .described("1")),
            .value("--timeout", "TIME", "End them after: 90s, 10m, 1h30m", default: .described("never")),
            SharedOptions.output,
        ],
        arguments: [SandboxOptions.sandbox]
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let request = ForkSandbox.Request(
            id: try invocation.required("ID"),
            count: try invocation.integer("--count", in: 1...100) ?? 1,
            lifetime: try SandboxOptions.lifetime("--timeout", invocation).map { $0 / .seconds(1) }
        )
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let fork = try await daemon.client.call(ForkSandbox.self, request)
        try await Output.print(fork, as: format) { fork.sandboxes.map { "\($0.id)\n" }.joined() }
        for failure in fork.failures { await StandardStream.say("One was not made: \(failure)") }
        return fork.failures.isEmpty ? .success : .failure
    }
}
