import GuestLink
import Linux
import Machines
import QEMUMachines
import RPC
import Records
import Sandboxes
import Wire

/// What programs see that were written for E2B, with the Python SDK as it is on PyPI.
struct SDKBenchmarks: Sendable {
    let daemon: TestedDaemon
    let isQuick: Bool
    /// An interpreter that has the SDK; nil where it could not be installed.
    let python: String?
    /// The program that measures.
    let script: String

    func all() async throws -> [Measurement] {
        var whole = Measurement(
            "sdk.create",
            "Sandbox.create(), then commands.run(\"true\")",
            .milliseconds,
            target: 120,
            goal: 80
        )
        var command = Measurement("sdk.run", "commands.run(\"true\") in a warm sandbox", .milliseconds)
        guard let python else {
            whole.note = "the SDK e2b 2.63.0 could not be installed from PyPI"
            return [whole]
        }
        let network = try await daemon.network()
        var program = try Program(python, [script, isQuick ? "8" : "30", "\(TestedDaemon.poolSize)"])
        program.environment.merge(network.variables) { _, given in given }
        let measured = try await withDeadline(.seconds(180)) { [program] in try await program.run() }
        guard measured.status.isSuccess else {
            whole.note = "it failed: \(measured.errorText.split(separator: "\n").last ?? "")"
            return [whole]
        }
        let numbers = try JSONValue(parsing: measured.output)
        whole.values = numbers["create"]?.array?.compactMap(\.number) ?? []
        command.values = numbers["run"]?.array?.compactMap(\.number) ?? []
        return [whole, command]
    }

    /// What the host adds to the command that `commands.run("true")` is: the daemon's way against the guest's agent itself.
    func hostOverhead() async throws -> [Measurement] {
        var network = Measurement("exec.network", "bash -l -c true, asked for over the network", .milliseconds)
        var direct = Measurement("exec.direct", "  asked of a guest without the daemon", .milliseconds)
        var added = Measurement("exec.added", "  so added by the host", .milliseconds, target: 3, goal: 1)
        var inside = Measurement("exec.inside", "  the same fork, exec and end within a guest", .milliseconds)
        let home = daemon.home
        let engine = try await QEMUEngine.detect(memory: home.probe)
        let template = try TemplateStore(home).template("claude")
        let bare = try await BareGuest.start(engine, template, in: "\(home.machines)/c\(Random.name(12))")
        do {
            try await compare(bare.link, &network, &direct, &inside)
        } catch {
            await bare.machine.destroy()
            throw error
        }
        await bare.machine.destroy()
        // The difference of medians: two guests never stall at the same moment.
        if let all = network.median, let own = direct.median { added.values = [max(0, all - own)] }
        return [network, direct, added, inside]
    }

    private func compare(
        _ bare: GuestLink,
        _ network: inout Measurement,
        _ direct: inout Measurement,
        _ inside: inout Measurement
    ) async throws {
        let words = ["/bin/bash", "-l", "-c", "true"]
        let rounds = isQuick ? 20 : 60
        try await daemon.withSandbox { sandbox in
            try await daemon.awaitPool()
            let agent = try await daemon.network().agent(of: sandbox)
            let clock = ContinuousClock()
            // In turns, so that both have the same neighbours; the first ones open connections, and are left out.
            for round in 0..<(rounds + 5) {
                let start = clock.now
                _ = try await agent.stream(StartProcess.self, .program(words)) { try await $0.outputOfSuccess() }
                let middle = clock.now
                _ = try await bare.run(GuestLink.Command(words[0], Array(words.dropFirst())))
                let end = clock.now
                if round < 5 { continue }
                network.add(middle - start)
                direct.add(end - middle)
            }
            // By the guest's own clock, in a program that runs already.
            let loop =
                "for i in $(seq \(rounds)); do a=$EPOCHREALTIME; \(words.joined(separator: " ")); echo $a $EPOCHREALTIME; done"
            for line in try await daemon.run(["bash", "-c", loop], in: sandbox).split(separator: "\n") {
                let times = line.split(separator: " ").compactMap { Double($0.replacing(",", with: ".")) }
                if times.count == 2 { inside.values.append((times[1] - times[0]) * 1000) }
            }
        }
    }
}
