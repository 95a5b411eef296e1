import Linux
import Machines
import Records
import Sandboxes
import Testing
import Wire

@testable import Templates

@Suite struct `a template in a file` {
    /// A home with a template `claude` whose disk has the form of a real one's.
    private static func with(_ body: @Sendable (Installation, _ file: String) async throws -> Void) async throws {
        try await Installation.with { here in
            let manifest = try await here.builder().build(BuildTemplate.Request(name: "claude")) { _ in }
            let disk = "\(here.templates.directory(manifest.buildID))/disk.qcow2"
            try Files.write(qcow2(), to: disk)
            let file = "\(here.home.path)/claude.template"
            let bytes = try await TemplateExport(templates: here.templates, pins: here.builder().pins)
                .write("claude", to: file)
            #expect(Files.size(file).map { Int64($0) } == bytes)
            try await body(here, file)
        }
    }

    private static func qcow2(features: UInt8 = 0, version: UInt8 = 3) -> [UInt8] {
        var bytes: [UInt8] = [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, version]
        bytes += [UInt8](repeating: 0, count: 200)
        bytes[79] = features
        return bytes
    }

    private static func taking(_ here: Installation) -> TemplateImport {
        TemplateImport(engine: here.engine, home: here.home, templates: here.templates, builder: here.builder())
    }

    /// Takes a file in, and says what is there then.
    @discardableResult
    private static func take(_ file: String, _ here: Installation, as name: String? = nil) async throws
        -> TemplateManifest
    {
        try await taking(here).take(file, as: name) { _ in }
    }

    @Test func `is what it was, in a home that has nothing else`() async throws {
        try await Self.with { here, file in
            let original = try here.templates.template("claude")
            try await Installation.with { there in
                let taken = try await Self.take(file, there)
                #expect(taken.name == "claude" && taken.buildID != original.manifest.buildID)
                let template = try there.templates.template("claude")
                for (mine, theirs) in [
                    (template.saved.memory, original.saved.memory), (template.saved.disk, original.saved.disk),
                    (template.manifest.kernel, original.manifest.kernel),
                    (template.manifest.rootImage, original.manifest.rootImage),
                    (template.manifest.initialRAMDisk, original.manifest.initialRAMDisk),
                ] {
                    #expect(mine.hasPrefix(there.home.path))
                    #expect(try await Tools.digest(ofFile: mine) == Tools.digest(ofFile: theirs))
                }
                #expect(template.bootstrap.exposed { $0 } == original.bootstrap.exposed { $0 })
                #expect(template.manifest.environment == original.manifest.environment)
                #expect(Files.list(there.home.images).filter { !$0.hasPrefix(".") }.count == 3)
                // Once more takes no more room for its layers.
                try await Self.take(file, there, as: "second:v1")
                #expect(Files.list(there.home.images).filter { !$0.hasPrefix(".") }.count == 3)
                #expect(there.templates.tags(of: "second").map(\.tag) == ["v1"])
                #expect(there.leftovers == [])
            }
            #expect(here.leftovers == [])
        }
    }

    @Test func `is refused when a byte of it is another, or one is missing`() async throws {
        try await Self.with { here, file in
            let whole = try Files.read(file)
            let before = try here.templates.template("claude").manifest.buildID
            let layers = here.layers
            for position in [0, 30, 140, whole.count / 2, whole.count - 1] {
                var bytes = whole
                bytes[position] ^= 0x20
                try Files.write(bytes, to: file)
                let error = await #expect(throws: TemplateError.self) { try await Self.take(file, here) }
                #expect(error?.code == .digestMismatch || error?.code == .badImage, "\(position)")
            }
            for size in [0, 5, 128, 129, whole.count - 1] {
                try Files.write(whole.prefix(size), to: file)
                await #expect(throws: TemplateError.self, "\(size)") { try await Self.take(file, here) }
            }
            await #expect(throws: TemplateError.self) { try await Self.take("\(file).none", here) }
            #expect(try here.templates.template("claude").manifest.buildID == before)
            #expect(here.layers == layers)
            #expect(here.leftovers == [])
        }
    }

    @Test func `is refused with the reason where it can not run`() async throws {
        try await Self.with { here, file in
            let others: [(String, @Sendable (inout [String: JSONValue]) -> Void)] = [
                ("it needs QEMU 0 with", { $0["identity"] = Self.identity($0, "build", "QEMU 0") }),
                ("with tcg, and this is", { $0["identity"] = Self.identity($0, "accelerator", "tcg") }),
                ("on the processor 'Z80'", { $0["identity"] = Self.identity($0, "processorModel", "Z80") }),
                ("another version of Martlet", { $0["guestGeneration"] = 0 }),
            ]
            for (words, change) in others {
                let other = "\(file).other"
                try await Self.rewrite(file, to: other, there: "\(here.home.path)/rewrite") { place in
                    var manifest = try JSONValue(parsing: Files.read("\(place)/manifest.json")).object ?? [:]
                    change(&manifest)
                    try Files.write(JSONValue.object(manifest).encoded(), to: "\(place)/manifest.json")
                }
                let error = await #expect(throws: TemplateError.self) { try await Self.take(other, here, as: "other") }
                #expect(error?.code == .incompatible)
                #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
            }
            #expect(here.templates.names() == ["claude"])
            #expect(here.leftovers == [])
        }
    }

    private static func identity(_ manifest: [String: JSONValue], _ name: String, _ value: String) -> JSONValue {
        var identity = manifest["identity"]?.object ?? [:]
        identity[name] = .string(value)
        return .object(identity)
    }

    /// What somebody else might have put together: with a digest that is right, and contents that are not.
    @Test func `is refused when it is not made of the files that a template has`() async throws {
        try await Self.with { here, file in
            let forgeries: [(String, @Sendable (String) async throws -> Void)] = [
                (
                    "a link",
                    { place in
                        try Files.remove("\(place)/memory")
                        try await Program("ln", ["-s", "/etc/passwd", "\(place)/memory"]).succeed()
                    }
                ),
                ("a disk with a file elsewhere", { try Files.write(Self.qcow2(features: 4), to: "\($0)/disk.qcow2") }),
                ("an old disk", { try Files.write(Self.qcow2(version: 2), to: "\($0)/disk.qcow2") }),
                ("a short memory", { try Files.write([1, 2, 3], to: "\($0)/memory") }),
                ("no manifest in it", { try Files.write("{}".utf8, to: "\($0)/manifest.json") }),
            ]
            let layers = here.layers
            for (what, forge) in forgeries {
                let other = "\(file).forged"
                try await Self.rewrite(file, to: other, there: "\(here.home.path)/rewrite", forge)
                let error = await #expect(throws: TemplateError.self, "\(what)") {
                    try await Self.take(other, here, as: "other")
                }
                #expect(error?.code == .badImage, "\(what): \(error.map { "\($0)" } ?? "")")
                #expect(here.leftovers == [], "\(what)")
                #expect(here.layers == layers, "\(what)")
            }
            let other = "\(file).named"
            try await Self.rewrite(file, to: other, there: "\(here.home.path)/rewrite", names: "../outside") { place in
                try Files.write("x".utf8, to: "\(place)/../outside")
            }
            await #expect(throws: TemplateError.self) { try await Self.take(other, here, as: "other") }
            #expect(here.templates.names() == ["claude"])
        }
    }

    @Test func `leaves nothing when the name is refused, or the export has nowhere to go`() async throws {
        struct Refused: Error {}
        try await Self.with { here, file in
            await #expect(throws: Refused.self) {
                try await Self.taking(here).take(file, as: "theirs") { _ in throw Refused() }
            }
            await #expect(throws: TemplateError.self) { try await Self.take(file, here, as: "No Name") }
            let export = TemplateExport(templates: here.templates, pins: here.builder().pins)
            await #expect(throws: (any Error).self) { try await export.write("claude", to: "/nowhere/at/all") }
            await #expect(throws: (any Error).self) { try await export.write("none", to: file) }
            #expect(here.templates.names() == ["claude"])
            #expect(here.leftovers == [])
        }
    }

    /// Takes a file apart, lets `change` at it, and puts it together with a digest that is right.
    private static func rewrite(
        _ file: String,
        to other: String,
        there place: String,
        names extra: String = "",
        _ change: (String) async throws -> Void
    ) async throws {
        try Files.makeDirectory("\(place)/in")
        defer { try? Files.remove(place) }
        try await Program(
            "/bin/sh",
            ["-euc", "tail -c +129 \"$1\" | lz4 -dq | tar -x -C \"$2\"", "sh", file, "\(place)/in"]
        )
        .succeed()
        try await change("\(place)/in")
        let script = """
            cd "$1"
            tar -c -S -P -I 'lz4 -q' -f "$1/../tar" manifest.json bootstrap memory device-state disk.qcow2 kernel initramfs root $3
            sum=$(sha256sum < "$1/../tar")
            printf '%-128s' "martlet-template 1 ${sum%% *}" > "$2"
            cat "$1/../tar" >> "$2"
            """
        try await Program("/bin/sh", ["-euc", script, "sh", "\(place)/in", other, extra]).succeed()
    }
}
