import Arguments
import Egress
import Glibc
import Linux
import Machines
import RPC
import Records
import Sandboxes
import TLS
import Wire

/// The commands about the daemon itself.
enum DaemonCommands {
    static let serve = Command(
        "serve",
        summary: "Run the daemon in the foreground",
        discussion: """
            The daemon keeps sandboxes, runs and templates, and holds the model's credential. Other commands start one in the \
            background when none runs, so this is for service managers and for watching it work.

            It serves this user on '$MARTLET_HOME/martlet.sock', and clients with the key on 127.0.0.1, those of E2B among \
            them. On its first start, at a terminal, it prints the key and what to set for them; 'martlet env' prints it \
            again. An interrupt ends it and its sandboxes.
            """,
        examples: [
            .init("martlet serve --port 0 --accelerator tcg", "On a port that is free, without KVM"),
            .init("martlet serve --max-cost-per-day 20", "With at most 20 dollars a day for all models together"),
        ],
        options: [
            .value("--port", "PORT", "Port on 127.0.0.1; 0 takes any that is free", default: "3000"),
            .value(
                "--pool",
                "N",
                "Machines kept waiting, per template",
                default: .described("as many as were taken at once of late, up to 8")
            ),
            .value(
                "--max-sandboxes",
                "N",
                "Sandboxes at once, paused ones among them, per owner of keys",
                default: .described("without limit")
            ),
            .value(
                "--accelerator",
                "NAME",
                "kvm or tcg",
                default: .described("kvm where it works, by trying it"),
                completion: .values(AcceleratorName.allCases.map(\.rawValue))
            ),
            .value(
                "--egress",
                "POLICY",
                "What sandboxes may reach of which nobody says it: closed, or open, which is the public internet",
                default: .value(EgressName.closed.rawValue),
                environment: "MARTLET_EGRESS",
                completion: .values(EgressName.allCases.map(\.rawValue))
            ),
            .value(
                "--build-allow",
                "HOSTS",
                "What the steps of templates may reach of which nobody says it, with commas between: 'pypi.org,*.debian.org'",
                default: .described("what sandboxes may"),
                environment: "MARTLET_BUILD_ALLOW"
            ),
            .flag("--tls", "Serve TLS as well, so that every port of a sandbox has an address that starts with https"),
            .value("--tls-port", "PORT", "Port for that on 127.0.0.1; 0 takes any that is free", default: "3443"),
            .value("--domain", "NAME", "Below which sandboxes have host names", default: .value(DaemonDomain.standard)),
            .value(
                "--cert",
                "FILE",
                "A certificate for the domain and all names below it, with its chain, as PEM",
                default: .described("one from an authority that is made in '$MARTLET_HOME/tls'"),
                completion: .files
            ), .value("--key", "FILE", "The certificate's key, as PEM", completion: .files),
            .value(
                "--max-cost-per-day",
                "USD",
                "Dollars that all models may cost on a day of UTC",
                default: .described("none"),
                environment: "MARTLET_MAX_COST_PER_DAY"
            ),
            .value(
                "--max-tokens-per-day",
                "N",
                "The same in tokens, of input and output together",
                default: .described("none"),
                environment: "MARTLET_MAX_TOKENS_PER_DAY"
            ),
            .flag("--background", "End after 15 minutes without sandboxes and requests"),
        ],
        group: "Daemon"
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        let options = DaemonOptions(
            home: surroundings.home,
            port: UInt16(try invocation.integer("--port", in: 0...65_535) ?? 3000),
            isBackground: invocation.flag("--background"),
            poolSize: try invocation.integer("--pool", in: 0...64).map { .fixed($0) } ?? .standard,
            sandboxesPerOwner: try invocation.integer("--max-sandboxes", in: 1...100_000),
            accelerator: try invocation.choice("--accelerator", as: AcceleratorName.self)?.accelerator,
            egress: try invocation.choice("--egress", as: EgressName.self)?.policy ?? .closed,
            buildEgress: try buildEgress(invocation),
            domain: try domain(invocation),
            tls: try tls(invocation, surroundings),
            maxCostPerDay: try invocation.decimal("--max-cost-per-day", in: BudgetOptions.dollars),
            maxTokensPerDay: try invocation.integer("--max-tokens-per-day", in: BudgetOptions.tokens)
        )
        let ending = Latch<Int32>()
        try await Interrupts.shared.handled { signal in
            // The first one ends the daemon in good order; after the next nobody waits any more.
            let isFirst = ending.current == nil
            ending.set(signal)
            return isFirst
        } _: {
            try await Daemon.serve(options, endedBy: ending) { greeting in
                // Nobody reads what a daemon says that another command started.
                if options.isBackground { return }
                let isTerminal = surroundings.outputIsTerminal
                try? await StandardStream.output.write(greeting.text(isTerminal: isTerminal))
            }
        }
        return .success
    }

    private static func buildEgress(_ invocation: Invocation) throws -> EgressPolicy? {
        guard let hosts = invocation.value("--build-allow") else { return nil }
        let allow = hosts.split(separator: ",").map { String($0).filter { $0 != " " } }
        do {
            return try EgressPolicy(allow: allow, deny: [])
        } catch {
            throw invocation.invalid(
                "--build-allow",
                expected: "hosts with commas between, such as 'pypi.org,*.debian.org'"
            )
        }
    }

    private static func domain(_ invocation: Invocation) throws -> String {
        let domain = (invocation.value("--domain") ?? DaemonDomain.standard).lowercased()
        guard CertificateAuthority.isDomain(domain) else {
            throw invocation.invalid(
                "--domain",
                expected: "a name of at least two parts, such as '\(DaemonDomain.standard)'"
            )
        }
        return domain
    }

    private static func tls(_ invocation: Invocation, _ surroundings: Surroundings) throws -> TLSOptions? {
        let (certificate, key) = (invocation.value("--cert"), invocation.value("--key"))
        if (certificate == nil) != (key == nil) {
            throw invocation.invalid(
                certificate == nil ? "--cert" : "--key",
                expected: "a file: a certificate and its key belong together"
            )
        }
        // Whoever has a certificate wants it to be used.
        guard invocation.flag("--tls") || certificate != nil else { return nil }
        return TLSOptions(
            port: UInt16(try invocation.integer("--tls-port", in: 0...65_535) ?? 3443),
            files: certificate.flatMap { certificate in key.map { (certificate, $0) } }
        )
    }

    private enum AcceleratorName: String, CaseIterable {
        case kvm
        case tcg

        var accelerator: Accelerator {
            switch self {
            case .kvm: .kvm
            case .tcg: .tcg
            }
        }
    }

    private enum EgressName: String, CaseIterable {
        case closed
        case open

        var policy: EgressPolicy {
            switch self {
            case .closed: .closed
            case .open: .open
            }
        }
    }

    static let status = Command(
        "status",
        summary: "Tell about the daemon",
        discussion: "The status is 1 when none runs; none is started.",
        options: [SharedOptions.output],
        group: "Daemon"
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        let format = try SharedOptions.format(invocation)
        guard let daemon = try await DaemonConnection.ifRunning(surroundings) else {
            await StandardStream.say("No daemon runs at '\(try DaemonAddress(surroundings).text)'")
            return .failure
        }
        try await Output.print(daemon.info, as: format) {
            var facts = Facts()
            facts.add("Version", daemon.info.version)
            facts.add("Process", "\(daemon.info.processID)")
            facts.add("URL", daemon.info.url)
            facts.add("Engine", "\(daemon.info.engine) (\(daemon.info.accelerator))")
            facts.add("Model", "\(daemon.info.modelURL)\(daemon.info.hasCredential ? "" : ", without a credential")")
            facts.add("Sandboxes", "\(daemon.info.sandboxes)")
            facts.add("Waiting machines", daemon.info.waiting.map { "\($0)" })
            facts.add("Runs", "\(daemon.info.runs)")
            return facts.text
        }
        return .success
    }

    static let shutdown = Command(
        "shutdown",
        summary: "End the daemon and its sandboxes",
        discussion: "Returns when the daemon has ended. That none runs is fine.",
        options: [.flag("--keep-sandboxes", "Leave sandboxes running, for the next daemon to find")],
        group: "Daemon"
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        guard let daemon = try await DaemonConnection.ifRunning(surroundings) else {
            await StandardStream.say("No daemon runs")
            return .success
        }
        // Taken hold of before it is asked to end, so that its number cannot have become another's.
        let process =
            daemon.address.isLocal
            ? ProcessHandle.Identity(pid: daemon.info.processID).flatMap { ProcessHandle($0) } : nil
        let request = ShutDown.Request(keepSandboxes: invocation.flag("--keep-sandboxes"))
        do {
            _ = try await daemon.client.call(ShutDown.self, request)
        } catch let error where !(error is CallError || error is CancellationError) && process != nil {
            // The connection may end before the answer comes through; the process tells for certain.
        }
        try await process?.ended.value()
        return .success
    }
}
