import FoundationEssentials
import GuestLink
import Linux
import Machines
import QEMUMachines
import Records
import Sandboxes
import Snapshots
import Testing
import Wire

/// Real machines of the real template, without a daemon between them and the test.
struct Workbench: Sendable {
    let installation: Installation
    let engine: QEMUEngine
    let template: Template
    let snapshots: SnapshotStore

    static func with(_ body: @Sendable @escaping (Workbench) async throws -> Void) async throws {
        try await Installation.with(starts: false) { installation in
            try await Installation.slots.withPermit {
                let bench = Workbench(
                    installation: installation,
                    engine: try await QEMUEngine.detect(memory: installation.home.probe),
                    template: try TemplateStore(installation.home).template("claude"),
                    snapshots: SnapshotStore(installation.home)
                )
                do {
                    try await body(bench)
                } catch {
                    // What a test that failed no longer ends itself.
                    _ = await bench.engine.sweep(installation.home.machines, keeping: [])
                    throw error
                }
            }
        }
    }

    func directory() -> String { "\(installation.home.machines)/t\(Random.name(12))" }

    var origin: SnapshotManifest.Origin {
        SnapshotManifest.Origin(
            template: template.manifest.name,
            buildID: template.manifest.buildID,
            kernel: template.manifest.contents["kernel"] ?? "",
            guestGeneration: template.manifest.guestGeneration
        )
    }

    /// A machine of the template whose guest has an identity.
    func fresh() async throws -> Resumed {
        try Files.makeDirectory(installation.home.machines)
        let machine = try await engine.prepare(template.saved, in: directory()).resume()
        let identity = Self.identity()
        let link = try await GuestLine(to: machine.agentAddress).initialize(identity, bootstrap: template.bootstrap)
        return Resumed(machine: machine, link: link, token: identity.accessToken)
    }

    /// A machine that goes on from a saved one, whose guest is given another identity by who has its token.
    func resume(_ saved: SavedMachine, token: String) async throws -> Resumed {
        let machine = try await engine.prepare(saved, in: directory()).resume()
        let identity = Self.identity()
        let line = GuestLine(to: machine.agentAddress)
        let link = try await line.renew(identity, token: Secret(token))
        return Resumed(machine: machine, link: link, token: identity.accessToken)
    }

    private static func identity() -> GuestIdentity {
        GuestIdentity(
            accessToken: Random.hex(32),
            timeNanoseconds: Int64(Date().timeIntervalSince1970 * 1_000_000_000),
            entropy: Data(Random.bytes(64)),
            hostname: "i\(Random.name(12))",
            machineID: Random.hex(16),
            envVars: [:],
            defaultUser: "user"
        )
    }
}

/// A machine that runs, and what opens its guest.
struct Resumed: Sendable {
    let machine: any Machine
    let link: GuestLink
    let token: String

    /// Runs a shell command as root and gives what it wrote.
    @discardableResult
    func shell(_ text: String) async throws -> String {
        let result = try await withDeadline(.seconds(120)) {
            try await link.run(GuestLink.Command("/bin/bash", ["-c", text], user: "root"))
        }
        guard result.status == 0 else {
            throw Unexpected("'\(text)' ended with \(result.status): \(String(decoding: result.error, as: UTF8.self))")
        }
        return String(decoding: result.output, as: UTF8.self)
    }

    /// Starts a shell that keeps a secret in a variable and tells it, with a count, to who writes into a pipe.
    func startKeeper() async throws {
        try await shell(
            """
            mkfifo /run/ask /run/answer
            setsid bash -c 'secret=$RANDOM$RANDOM$RANDOM; n=0
                while read line < /run/ask; do n=$((n+1)); echo $secret $n $line > /run/answer; done' \
                > /dev/null 2>&1 < /dev/null &
            """
        )
    }

    /// What the keeper says: its secret, how often it was asked, and the word.
    func ask(_ word: String) async throws -> [String] {
        try await shell("timeout 30 bash -c 'echo \(word) > /run/ask; cat /run/answer'").split(
            whereSeparator: \.isWhitespace
        )
        .map(String.init)
    }
}
