import Linux
import Records
import Testing
import Wire

@Suite(.enabled(if: Installation.isPossible, Installation.absence))
struct `a template that is not whole` {
    /// Spoils a build in `directory`. A file is replaced, and never written into: it is a link to one that all tests use.
    private typealias Damage = @Sendable (_ directory: String) async throws -> Void

    private static let damages: [(name: String, words: String, damage: Damage)] = [
        ("memory-cut-off", "its memory is not whole", { try await $0.cut("memory") }),
        ("memory-missing", "its memory is not whole", { try Files.remove("\($0)/memory") }),
        ("disk-missing", "disk.qcow2' is missing", { try Files.remove("\($0)/disk.qcow2") }),
        ("state-missing", "device-state' is missing", { try Files.remove("\($0)/device-state") }),
        ("state-garbage", "could not load the saved state", { try $0.replace("device-state", "garbage") }),
        ("disk-garbage", "Could not make a disk", { try $0.replace("disk.qcow2", "garbage") }),
        ("manifest-missing", "its manifest can not be read", { try Files.remove("\($0)/manifest.json") }),
        ("manifest-garbage", "its manifest can not be read", { try $0.replace("manifest.json", "{\"name\":") }),
        ("bootstrap-missing", "can not be read", { try Files.remove("\($0)/bootstrap") }),
        (
            "another-qemu", "build the template again",
            { directory in
                try directory.changeManifest { manifest in
                    var identity = manifest["identity"]?.object ?? [:]
                    identity["build"] = "QEMU emulator version 1.0"
                    manifest["identity"] = .object(identity)
                }
            }
        ),
        (
            "another-martlet", "another version of Martlet",
            { try $0.changeManifest { $0["guestGeneration"] = 0 } }
        ),
    ]

    @Test func `is never used, and is told what it lacks`() async throws {
        try await Installation.with(starts: false) { martlet in
            let builds = "\(martlet.home.templates)/builds"
            let names = "\(martlet.home.templates)/names"
            let whole = String(decoding: try Files.read("\(names)/claude"), as: UTF8.self)
            for (name, _, damage) in Self.damages {
                try await Program("cp", ["-al", "\(builds)/\(whole)", "\(builds)/\(name)"]).succeed()
                try Files.write(name.utf8, to: "\(names)/\(name)")
                // A build of its own: machines that wait are told apart by their build.
                try "\(builds)/\(name)".changeManifest { manifest in
                    manifest["name"] = .string(name)
                    manifest["buildID"] = .string(name)
                }
                try await damage("\(builds)/\(name)")
            }
            // One that no name points to was given up, or never finished.
            try Files.makeDirectory("\(builds)/unnamed")
            try Files.makeDirectory("\(martlet.home.templates)/building/half")

            // Machines that were to wait are not started from them either.
            try await martlet.start(["--pool", "1"])
            #expect(!Files.exists("\(builds)/unnamed"))
            #expect(!Files.exists("\(martlet.home.templates)/building/half"))
            try await Installation.slots.withPermit {
                for (name, words, _) in Self.damages {
                    let refused = try await martlet.martlet(["create", name])
                    #expect(refused.status == .exited(1), "\(name)")
                    #expect(refused.output.isEmpty, "\(name)")
                    #expect(refused.errorText.contains(words), "\(name): \(refused.errorText)")
                }
                #expect(try await martlet.sandboxes().isEmpty)
                let listed = try await martlet.martlet(["template", "ls"])
                #expect(listed.status == .exited(0), "\(listed.errorText)")
                for (name, _, _) in Self.damages { #expect(listed.text.contains("\n\(name) ")) }
                // What is whole is used as ever, and what is not can be removed.
                let made = try await martlet.martlet(["create", "claude"])
                #expect(made.status == .exited(0), "\(made.errorText)")
                for (name, _, _) in Self.damages {
                    #expect(try await martlet.martlet(["template", "rm", name]).status == .exited(0), "\(name)")
                    #expect(!Files.exists("\(builds)/\(name)"))
                }
            }
        }
    }
}

extension String {
    /// Changes what the manifest in this directory says.
    fileprivate func changeManifest(_ change: (inout [String: JSONValue]) -> Void) throws {
        var manifest = try JSONValue(parsing: Files.read("\(self)/manifest.json")).object ?? [:]
        change(&manifest)
        try replace("manifest.json", JSONValue.object(manifest).text())
    }

    /// Puts another file in the place of one in this directory.
    fileprivate func replace(_ name: String, _ text: String) throws {
        try Files.remove("\(self)/\(name)")
        try Files.write(text.utf8, to: "\(self)/\(name)")
    }

    /// Puts a file that lacks its last byte in the place of one in this directory.
    fileprivate func cut(_ name: String) async throws {
        let size = Files.size("\(self)/\(name)") ?? 0
        try Files.remove("\(self)/\(name)")
        try await Program("truncate", ["-s", "\(size - 1)", "\(self)/\(name)"]).succeed()
    }
}
