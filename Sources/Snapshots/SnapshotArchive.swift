import Glibc
import Linux
import Machines
import Wire

// A snapshot in one file: a tar of its directory, and of its base if it is to run where the template is not.

extension SnapshotStore {
    private static let baseDirectory = "base"
    private static let baseSums = "base/sums"

    /// Writes a snapshot into one file at `path`, whole or not at all.
    ///
    /// - Parameters:
    ///   - includesBase: whether what the template brings is in it too: without it, the file is good for this
    ///     installation only, as long as it has another snapshot or the template.
    ///   - attachment: what whoever takes it in wants to find with it; nil is what was found with it here.
    package func export(_ id: String, to path: String, includesBase: Bool, attachment: JSONValue? = nil) async throws {
        try await compress(id)
        try await whole { [self] place in
            // Links, so that what is exported can be removed meanwhile.
            let manifest = try await files.withLock { [self] in
                let manifest = try self.manifest(id)
                for name in Files.list(directory(id)) {
                    try Files.link("\(directory(id))/\(name)", to: "\(place)/\(name)")
                }
                if includesBase {
                    try Files.makeDirectory("\(place)/\(Self.baseDirectory)")
                    for name in SnapshotFiles.Base.all {
                        let file = "\(base(manifest.origin.buildID))/\(name)"
                        try Files.link(file, to: "\(place)/\(Self.baseDirectory)/\(name)")
                    }
                }
                return manifest
            }
            if let attachment {
                var told = manifest
                told.attachment = attachment
                // The one there is a link: written to another name and renamed, the snapshot's own is not touched.
                try Files.write(told.encoded(), to: "\(place)/\(SnapshotFiles.manifest)", mode: 0o600)
            }
            if includesBase { try await writeBaseSums(place) }
            let temporary = "\(path).\(Random.name(8))"
            defer { try? Files.remove(temporary) }
            let names = Self.members(manifest, includesBase: includesBase)
            try await Self.tar(["--create", "--sparse", "--file", temporary, "--directory", place, "--"] + names)
            try await BlockingPool.run { try Files.synchronize(temporary) }
            try Files.rename(temporary, to: path)
        }
    }

    /// Takes in a snapshot from a file that ``export(_:to:includesBase:)`` wrote, here or elsewhere, after a look at every
    /// byte of it.
    ///
    /// - Throws: ``SnapshotError`` with `incompatible` and the reason when it can not run here.
    @discardableResult
    package func importSnapshot(from path: String, as id: String, for identity: MachineIdentity) async throws
        -> SnapshotManifest
    {
        guard SnapshotFiles.isPlainName(id) else {
            throw SnapshotError(.failed, "'\(id)' can not be the name of a snapshot")
        }
        return try await whole { [self] place in
            try await unpack(path, to: place)
            var manifest = try Self.manifest(in: place)
            try await refuseForeign(manifest, for: identity)
            let pages = try PageFile("\(place)/\(manifest.pages.file.name)")
            try await BlockingPool.run { [manifest] in
                _ = try Self.change(of: manifest, in: place, pages)
                try pages.verify()
            }
            let brought = "\(place)/\(Self.baseDirectory)"
            let isBaseBrought = Files.isDirectory(brought)
            if isBaseBrought { try await verifyBase(place) }
            guard isBaseBrought || Files.exists(base(manifest.origin.buildID)) else {
                throw SnapshotError(
                    .incompatible,
                    "The snapshot in '\(path)' stands on the build '\(manifest.origin.buildID)' of the template "
                        + "'\(manifest.origin.template)', which is not here; export it together with what it stands on"
                )
            }
            let base = "\(place).from"
            defer { try? Files.remove(base) }
            if isBaseBrought { try Files.rename(brought, to: base) }
            manifest.id = id
            try Files.write(manifest.encoded(), to: "\(place)/\(SnapshotFiles.manifest)")
            try await publish(
                place,
                as: id,
                on: manifest.origin.buildID,
                with: isBaseBrought ? SnapshotFiles.Base.all.map { ($0, "\(base)/\($0)") } : []
            )
            return manifest
        }
    }

    private func refuseForeign(_ manifest: SnapshotManifest, for identity: MachineIdentity) async throws {
        var reason: String?
        if manifest.identity != identity {
            reason =
                "it needs \(manifest.identity.build) with \(manifest.identity.accelerator.rawValue), and this is "
                + "\(identity.build) with \(identity.accelerator.rawValue)"
        } else if manifest.origin.guestGeneration != GuestProtocol.generation {
            reason = "its guest agent is of another generation"
        } else if let processor = manifest.processor, processor != HostProcessor.model {
            reason = "it ran on the processor '\(processor)', and this is '\(HostProcessor.model)'"
        } else if manifest.identity.accelerator == .tcg {
            reason = try await HostProcessor.clockMismatch(manifest.commandLine)
        }
        if let reason {
            throw SnapshotError(.incompatible, "The snapshot '\(manifest.id)' can not run here: \(reason)")
        }
    }

    // MARK: The tar

    private static func members(_ manifest: SnapshotManifest, includesBase: Bool) -> [String] {
        let own = [SnapshotFiles.manifest, manifest.pages.file.name, manifest.deviceState.name]
        let base = SnapshotFiles.Base.all.map { "\(baseDirectory)/\($0)" } + [baseSums]
        return own + manifest.layers.map(\.name) + (includesBase ? base : [])
    }

    /// Unpacks what can be a snapshot and nothing else: plain files with names that are known, each of them once.
    private func unpack(_ path: String, to place: String) async throws {
        let names = try await Self.tar(["--list", "--file", path]).split(separator: "\n").map(String.init)
        let base = Set(SnapshotFiles.Base.all.map { "\(Self.baseDirectory)/\($0)" } + [Self.baseSums])
        guard names.count < 1000, Set(names).count == names.count,
            names.allSatisfy({ base.contains($0) || SnapshotFiles.isPlainName($0) })
        else { throw SnapshotError(.damaged, "The file '\(path)' is no snapshot") }
        try await Self.tar(
            ["--extract", "--no-same-owner", "--no-same-permissions", "--file", path, "--directory", place]
        )
        for name in names {
            var status = stat()
            guard lstat("\(place)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                throw SnapshotError(.damaged, "'\(name)' in '\(path)' is not a plain file")
            }
        }
    }

    @discardableResult
    private static func tar(_ arguments: [String]) async throws -> String {
        let ended = try await Program("tar", arguments).run()
        // 1: a file changed as it was read. Its content never does; another link to it, which is made for each machine that begins
        // there, is such a change, too.
        guard ended.status.isSuccess || (arguments.first == "--create" && ended.status == .exited(1)) else {
            let text = ended.errorText
            throw SnapshotError(
                text.contains("No space left") ? .noSpace : .damaged,
                "The file of a snapshot could not be written or read: \(text.suffix(300))"
            )
        }
        return ended.text
    }

    // MARK: The base

    private struct Sum: Codable {
        var name: String
        var size: Int64
        var checksum: UInt32
    }

    private func writeBaseSums(_ place: String) async throws {
        let sums = try await BlockingPool.run {
            try SnapshotFiles.Base.all.map { name in
                let file = "\(place)/\(Self.baseDirectory)/\(name)"
                return Sum(name: name, size: Files.size(file) ?? 0, checksum: try Checksum(ofFile: file).value)
            }
        }
        try Files.write(JSONValue(encoding: sums).encoded(), to: "\(place)/\(Self.baseSums)")
    }

    private func verifyBase(_ place: String) async throws {
        try await BlockingPool.run {
            let sums: [Sum] = try JSONValue(parsing: Files.read("\(place)/\(Self.baseSums)")).decode()
            guard Set(sums.map(\.name)) == Set(SnapshotFiles.Base.all) else {
                throw SnapshotError(.truncated, "What the snapshot stands on is not whole")
            }
            for sum in sums {
                let file = "\(place)/\(Self.baseDirectory)/\(sum.name)"
                guard Files.size(file) == sum.size, try Checksum(ofFile: file).value == sum.checksum else {
                    throw SnapshotError(
                        .damaged,
                        "'\(sum.name)' of what the snapshot stands on is not what was written"
                    )
                }
            }
        }
    }
}
