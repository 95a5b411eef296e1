import FoundationEssentials
import Linux
import Machines
import Records
import Wire

/// What a template is: a machine at rest, and what its sandboxes start with.
///
/// Written once by a template build, read by every create, deleted with the template.
package struct TemplateManifest: Codable, Sendable, Hashable {
    package var name: String
    package var buildID: String
    package var created: Date
    package var identity: MachineIdentity
    package var shape: MachineShape
    package var kernel: String
    package var initialRAMDisk: String
    package var commandLine: String
    package var rootImage: String
    /// The directories of all that it was made from, which the next build of it uses again. Manifests of earlier versions
    /// do not say.
    package var layers: [String]?
    package var memoryBytes: Int64
    package var diskMiB: Int
    /// The guest agent's generation; see ``GuestProtocol/generation``.
    package var guestGeneration: Int
    package var environment: [String: String]
    package var user: String
    package var directory: String
    /// What is in it, for people: versions of the parts.
    package var contents: [String: String]

    package init(
        name: String,
        buildID: String,
        created: Date,
        identity: MachineIdentity,
        plan: BootPlan,
        diskMiB: Int,
        environment: [String: String],
        user: String,
        directory: String,
        contents: [String: String]
    ) {
        self.name = name
        self.buildID = buildID
        self.created = created
        self.identity = identity
        shape = plan.shape
        kernel = plan.kernel
        initialRAMDisk = plan.initialRAMDisk
        commandLine = plan.commandLine
        rootImage = plan.rootImage
        memoryBytes = Int64(plan.shape.memoryMiB) << 20
        self.diskMiB = diskMiB
        guestGeneration = GuestProtocol.generation
        self.environment = environment
        self.user = user
        self.directory = directory
        self.contents = contents
    }

    package var plan: BootPlan {
        BootPlan(
            shape: shape,
            kernel: kernel,
            initialRAMDisk: initialRAMDisk,
            commandLine: commandLine,
            rootImage: rootImage
        )
    }
}

/// A template that can be used.
package struct Template: Sendable {
    package let manifest: TemplateManifest
    package let saved: SavedMachine
    /// Authorises the first request to a machine resumed from it.
    package let bootstrap: Secret
}

/// The templates of this installation: `builds/ID/` with a manifest and a machine's files, `names/NAME` with a build's id.
///
/// A build is made under `building/`, put on disk, and renamed to its place whole; then the name is pointed to it. So a name
/// points to a whole build or to what it pointed to before.
package struct TemplateStore: Sendable {
    /// What programs written elsewhere call a template that is here by another name. A template of such a name of its own
    /// comes first.
    private static let aliases = [
        "anthropic-claude-code": "claude", "claude-code-with-mcp": "claude", "mcp-gateway": "claude",
    ]

    package enum File {
        package static let manifest = "manifest.json"
        package static let bootstrap = "bootstrap"
        package static let memory = "memory"
        package static let deviceState = "device-state"
        package static let disk = "disk.qcow2"
    }

    private let root: String

    package init(_ home: Home) {
        root = home.templates
    }

    package func buildingDirectory(_ buildID: String) -> String { "\(root)/building/\(buildID)" }
    private func directory(_ buildID: String) -> String { "\(root)/builds/\(buildID)" }
    private func nameFile(_ name: String) -> String { "\(root)/names/\(name)" }

    /// A name is 1 to 64 lower-case letters, digits, dots, dashes and underscores.
    package static func isName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count) && !name.hasPrefix(".")
            && name.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D || byte == 0x5F
                    || byte == 0x2E
            }
    }

    package func names() -> [String] {
        Files.list("\(root)/names").filter(Self.isName)
    }

    /// The template called `name`.
    ///
    /// - Throws: ``SandboxError/Code/templateNotFound`` with the nearest name, ``SandboxError/Code/templateBroken`` when
    ///   its files are not what the manifest says.
    package func template(_ name: String) throws -> Template {
        guard Self.isName(name), let id = try? Files.read(nameFile(name)) else {
            if let other = Self.aliases[name] { return try template(other) }
            throw SandboxError(.templateNotFound, "There is no template '\(name)'; \(hint(missing: name))")
        }
        return try build(String(decoding: id, as: UTF8.self), name: name)
    }

    /// What to do about a name that there is not.
    private func hint(missing name: String) -> String {
        if BuildTemplate.recipes.contains(name) { return "build it with 'martlet template build \(name)'" }
        let known = names()
        return known.isEmpty
            ? "there is none yet; build one with 'martlet template build claude'"
            : "there are: \(known.joined(separator: ", "))"
    }

    /// The template that a build made, whether or not a name points to it.
    package func build(_ buildID: String, name: String) throws -> Template {
        let directory = directory(buildID)
        func broken(_ reason: String) -> SandboxError {
            SandboxError(
                .templateBroken,
                "The template '\(name)' can not be used: \(reason); build it again with 'martlet template build \(name)'"
            )
        }
        let manifest: TemplateManifest
        let bootstrap: Secret
        do {
            manifest = try JSONDecoder().decode(
                TemplateManifest.self,
                from: Data(try Files.read("\(directory)/\(File.manifest)"))
            )
            bootstrap = Secret(String(decoding: try Files.read("\(directory)/\(File.bootstrap)"), as: UTF8.self))
        } catch {
            throw broken("its manifest can not be read (\(error))")
        }
        let saved = SavedMachine(
            identity: manifest.identity,
            plan: manifest.plan,
            memory: "\(directory)/\(File.memory)",
            disk: "\(directory)/\(File.disk)",
            state: .template(deviceState: "\(directory)/\(File.deviceState)")
        )
        guard manifest.guestGeneration == GuestProtocol.generation else {
            throw broken("it was made by another version of Martlet")
        }
        guard Files.size(saved.memory) == manifest.memoryBytes else { throw broken("its memory is not whole") }
        let deviceState = "\(directory)/\(File.deviceState)"
        for path in [deviceState, saved.disk, manifest.kernel, manifest.initialRAMDisk, manifest.rootImage]
        where !Files.exists(path) {
            throw broken("'\(path)' is missing")
        }
        return Template(manifest: manifest, saved: saved, bootstrap: bootstrap)
    }

    /// Puts a finished build in its place and points its name to it. All files must be on disk already.
    package func publish(_ manifest: TemplateManifest) throws {
        let building = buildingDirectory(manifest.buildID)
        try Files.write(JSONValue(encoding: manifest).encoded(pretty: true), to: "\(building)/\(File.manifest)")
        try Files.makeDirectory("\(root)/builds")
        try Files.makeDirectory("\(root)/names")
        try Files.rename(building, to: directory(manifest.buildID))
        let previous = try? Files.read(nameFile(manifest.name))
        try Files.write(manifest.buildID.utf8, to: nameFile(manifest.name))
        if let previous { try? removeIfUnused(String(decoding: previous, as: UTF8.self)) }
    }

    /// Forgets a name, and its build once no machine uses it any more.
    package func remove(_ name: String) throws {
        guard Self.isName(name), let id = try? Files.read(nameFile(name)) else {
            throw SandboxError(.templateNotFound, "There is no template '\(name)'")
        }
        try Files.remove(nameFile(name))
        try? removeIfUnused(String(decoding: id, as: UTF8.self))
    }

    /// Builds that nothing points to may still be under running machines, which hold their files open: deleting them is safe
    /// on Linux, and their space is given back when the last machine ends.
    private func removeIfUnused(_ buildID: String) throws {
        let isNamed = names().contains { name in
            (try? Files.read(nameFile(name))).map { String(decoding: $0, as: UTF8.self) } == buildID
        }
        if !isNamed { try Files.remove(directory(buildID)) }
    }

    /// Removes what builds left that never finished; only while no build runs.
    package func sweep() {
        try? Files.remove("\(root)/building")
        let named = Set(
            names().compactMap { name in (try? Files.read(nameFile(name))).map { String(decoding: $0, as: UTF8.self) } }
        )
        for id in Files.list("\(root)/builds") where !named.contains(id) { try? Files.remove(directory(id)) }
    }
}
