import FoundationEssentials
import GuestLink
import Linux
import Machines
import QEMUMachines
import RPC
import Records
import Sandboxes
import Wire

/// The same done in other ways, in the same minutes on the same machine.
struct AlternativeBenchmarks: Sendable {
    let home: Home
    let isQuick: Bool
    let modelURL: String

    private func directory() -> String { "\(home.machines)/c\(Random.name(12))" }

    /// The template's kernel and disk booted as any virtual machine is, until the guest's agent answers.
    func coldBoot() async throws -> [Measurement] {
        var boot = Measurement("other.boot", "QEMU boots the same kernel and disk to the first answer", .milliseconds)
        let engine = try await QEMUEngine.detect(memory: home.probe)
        let template = try TemplateStore(home).template("claude")
        let clock = ContinuousClock()
        for _ in 0..<(isQuick ? 2 : 5) {
            let start = clock.now
            let machine = try await engine.boot(template.manifest.plan, in: directory())
            do {
                let line = GuestLine(to: machine.agentAddress, takesMany: machine.takesManyConnections)
                try await retrying(every: .milliseconds(10), for: .seconds(60)) {
                    await line.isHealthy(within: .seconds(1)) ? () : nil
                }
                boot.add(clock.now - start)
            } catch {
                boot.note = "a boot did not answer within a minute"
            }
            await machine.destroy()
        }
        return [boot]
    }

    /// The template resumed by a QEMU that is only started then: a create without a pool, and without the daemon.
    func resume() async throws -> [Measurement] {
        var resume = Measurement("other.resume", "QEMU starts, resumes the template, first command", .milliseconds)
        var direct = Measurement("other.exec", "command in a warm guest without the daemon", .milliseconds)
        let engine = try await QEMUEngine.detect(memory: home.probe)
        let template = try TemplateStore(home).template("claude")
        let clock = ContinuousClock()
        for _ in 0..<(isQuick ? 4 : 10) {
            let start = clock.now
            let guest = try await BareGuest.start(engine, template, in: directory())
            do {
                let link = guest.link
                _ = try await link.run(GuestLink.Command("true"))
                resume.add(clock.now - start)
                for _ in 0..<6 { _ = try await link.run(GuestLink.Command("true")) }
                let idle = clock.now
                _ = try await link.run(GuestLink.Command("true"))
                direct.add(clock.now - idle)
            } catch {
                resume.note = "a machine did not answer: \(error)"
            }
            await guest.machine.destroy()
        }
        return [resume, direct]
    }

    /// Claude Code on the host itself, without a machine around it, against the same model.
    func bareAgent() async throws -> [Measurement] {
        var bare = Measurement("other.claude", "'claude -p' on the host itself, one turn", .seconds)
        guard let layer = Files.list(home.images).first(where: { $0.hasPrefix("claude-") }) else {
            bare.note = "the template's Claude Code is not there"
            return [bare]
        }
        let place = "\(home.path)/bench-\(Random.name(8))"
        try Files.makeDirectory("\(place)/.claude")
        defer { try? Files.remove(place) }
        try Files.write(Array(#"{"hasCompletedOnboarding":true}"#.utf8), to: "\(place)/.claude.json")
        var agent = try Program(
            "\(home.images)/\(layer)/claude",
            ["--print", "--output-format", "json"],
            directory: place,
            input: Array("Say what there is to do.".utf8)
        )
        agent.environment["HOME"] = place
        agent.environment["ANTHROPIC_BASE_URL"] = modelURL
        agent.environment["ANTHROPIC_API_KEY"] = GuestProtocol.placeholderKey
        for name in ["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_AUTOUPDATER"] {
            agent.environment[name] = "1"
        }
        let command = agent
        let clock = ContinuousClock()
        for _ in 0..<(isQuick ? 2 : 5) {
            let start = clock.now
            let end = try await withDeadline(.seconds(60)) { try await command.run() }
            guard end.status.isSuccess else {
                bare.note = "it failed: \((end.errorText + end.text).suffix(200))"
                break
            }
            bare.add(clock.now - start)
        }
        return [bare]
    }

    /// A container of an image that is there already; nothing is installed or downloaded for this.
    func containers() async throws -> [Measurement] {
        var all: [Measurement] = []
        for name in ["podman", "docker"] {
            var container = Measurement("other.\(name)", "'\(name) run IMAGE true'", .milliseconds)
            defer { all.append(container) }
            guard Program.find(name) != nil else {
                container.note = "not installed"
                continue
            }
            let images = try await Program(name, ["images", "--quiet"]).run()
            guard images.status.isSuccess else {
                container.note = "installed, but does not run"
                continue
            }
            guard let image = images.text.split(separator: "\n").first.map(String.init) else {
                container.note = "has no image"
                continue
            }
            let command = try Program(name, ["run", "--rm", "--network", "none", image, "true"])
            let clock = ContinuousClock()
            for _ in 0..<5 {
                let start = clock.now
                guard try await command.run().status.isSuccess else {
                    container.note = "it failed"
                    break
                }
                container.add(clock.now - start)
            }
        }
        return all
    }
}
