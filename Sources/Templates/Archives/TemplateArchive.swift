import Glibc
import Linux
import Machines
import Records
import Sandboxes
import Snapshots
import Wire

// A template in one file, for another computer or for later.
//
//     128 bytes     "martlet-template 1 " and the SHA-256 of the rest, as text, filled up with spaces
//     the rest      a tar, compressed by lz4: the files of the build, and the three of its layers that it runs with
//
// It is looked at in the order of what it could do: first that it is whole, then that it has these files and no others, then
// that it can run here. Only then is it unpacked, in a place of its own, and comes to its name as every build does.

/// The form of a template's file.
private enum Form {
    static let magic = "martlet-template 1 "
    static let headSize = 128
    static let kernel = "kernel"
    static let initialRAMDisk = "initramfs"
    static let rootImage = "root"
    /// The manifest is the first, so that it can be read without the others.
    static let members =
        [TemplateStore.File.manifest] + TemplateStore.File.all + [kernel, initialRAMDisk, rootImage]
}

/// Writes templates into files.
struct TemplateExport: Sendable {
    let templates: TemplateStore
    let pins: LayerPins

    /// Writes a template into a file at `path`, whole or not at all, readable for this user alone.
    ///
    /// - Returns: the file's size.
    func write(_ name: String, to path: String) async throws -> Int64 {
        let template = try templates.template(name)
        let manifest = template.manifest
        let pinned = pins.pin(manifest)
        defer { pins.unpin(pinned) }
        // Links, so that the template can be removed meanwhile.
        let place = templates.buildingDirectory("export-\(Random.name(12))")
        let temporary = "\(path).\(Random.name(8))"
        do {
            try Files.makeDirectory(place)
            let build = templates.directory(manifest.buildID)
            for file in [TemplateStore.File.manifest] + TemplateStore.File.all {
                try Files.link("\(build)/\(file)", to: "\(place)/\(file)")
            }
            try Files.link(manifest.kernel, to: "\(place)/\(Form.kernel)")
            try Files.link(manifest.initialRAMDisk, to: "\(place)/\(Form.initialRAMDisk)")
            try Files.link(manifest.rootImage, to: "\(place)/\(Form.rootImage)")
            try await Tools.script(
                Self.script,
                [place, temporary, Form.magic, "\(Form.headSize)"] + Form.members,
                failure: (.toolFailed, "The template '\(name)' was not written to '\(path)'")
            )
            try await BlockingPool.run { try Files.synchronize(temporary) }
            try Files.rename(temporary, to: path)
            try? Files.remove(place)
            return Files.size(path).map { Int64($0) } ?? 0
        } catch {
            try? Files.remove(temporary)
            try? Files.remove(place)
            throw TemplateImport.telling(error)
        }
    }

    /// `tar` says by status 1 that a file changed, for which it takes another link to one: none of these files ever changes.
    private static let script = """
        umask 077
        place=$1 file=$2 magic=$3 head=$4
        shift 4
        printf "%${head}s" "" > "$file"
        tar --create --sparse --numeric-owner --owner=0 --group=0 --mode=600 --use-compress-program='lz4 -q -1' \\
            --file=- --directory "$place" -- "$@" >> "$file" || [ $? = 1 ]
        sum=$(tail -c +$((head + 1)) "$file" | sha256sum)
        printf '%s%.64s' "$magic" "$sum" | dd of="$file" conv=notrunc status=none
        """
}

/// Takes templates in from files.
struct TemplateImport: Sendable {
    let engine: any MachineEngine
    let home: Home
    let templates: TemplateStore
    let builder: TemplateBuilder

    /// Takes in what ``TemplateExport`` wrote, here or elsewhere, under `name` or the name that it had.
    ///
    /// - Parameter allow: told the name before anything is changed.
    /// - Throws: ``TemplateError`` with `incompatible` and the reason when it can not run here; nothing is left then.
    func take(_ path: String, as name: String?, allow: @Sendable (TemplateName) async throws -> Void) async throws
        -> TemplateManifest
    {
        let digest = try await demandWhole(path)
        try await demandMembers(path)
        let manifest = try await manifest(path)
        guard let target = TemplateName(name ?? manifest.name) else {
            throw TemplateError(
                .invalidRequest,
                "'\(name ?? manifest.name)' can not be a template's name: \(TemplateStore.nameRule)"
            )
        }
        try await refuseForeign(manifest)
        try await allow(target)
        return try await builder.turn.withLock {
            try await unpack(path, manifest, digest, target)
        }
    }

    // MARK: Looking

    private func demandWhole(_ path: String) async throws -> String {
        guard Files.exists(path), !Files.isDirectory(path) else {
            throw TemplateError(.notFound, "There is no file '\(path)'")
        }
        let head = try Descriptor.open(path, O_RDONLY).read(upTo: Form.headSize)
        let text = String(decoding: head, as: UTF8.self)
        let said = String(text.dropFirst(Form.magic.count).prefix { $0 != " " })
        guard head.count == Form.headSize, text.hasPrefix(Form.magic), UploadedFiles.isHash(said) else {
            throw TemplateError(.badImage, "'\(path)' is no template of this version of Martlet")
        }
        let output = try await Tools.run(
            "/bin/sh",
            ["-euc", "tail -c +$(($2 + 1)) \"$1\" | sha256sum", "sh", path, "\(Form.headSize)"],
            failure: (.toolFailed, "'\(path)' was not read")
        )
        guard output.text.prefix(64) == said else {
            throw TemplateError(.digestMismatch, "'\(path)' is damaged: it is not what was written. It was not used")
        }
        return said
    }

    private func demandMembers(_ path: String) async throws {
        let names = try await tar(path, "--list").text.split(separator: "\n").map(String.init)
        guard names == Form.members else { throw TemplateError(.badImage, "'\(path)' is no template") }
    }

    private func manifest(_ path: String) async throws -> TemplateManifest {
        let output = try await tar(path, "--extract --to-stdout --occurrence=1", [TemplateStore.File.manifest])
        do {
            return try JSONValue(parsing: output.output).decode()
        } catch {
            throw TemplateError(.badImage, "The manifest in '\(path)' can not be read", cause: error)
        }
    }

    private func refuseForeign(_ manifest: TemplateManifest) async throws {
        let (theirs, here) = (manifest.identity, engine.identity)
        var reason: String?
        if theirs != here {
            let both = theirs.accelerator == here.accelerator && theirs.build == here.build
            reason =
                both
                ? "it was made on the processor '\(theirs.processorModel)', and this is '\(here.processorModel)'"
                : "it needs \(theirs.build) with \(theirs.accelerator.rawValue), and this is \(here.build) with "
                    + here.accelerator.rawValue
        } else if manifest.guestGeneration != GuestProtocol.generation {
            reason = "it was made by another version of Martlet"
        } else if theirs.accelerator == .tcg {
            reason = try await HostProcessor.clockMismatch(manifest.commandLine)
        }
        if let reason {
            throw TemplateError(.incompatible, "The template '\(manifest.name)' can not run here: \(reason)")
        }
    }

    private func tar(_ path: String, _ options: String, _ words: [String] = []) async throws -> Program.Output {
        try await Tools.run(
            "/bin/sh",
            [
                "-euc",
                "file=$1 head=$2; shift 2; tail -c +$((head + 1)) \"$file\" | "
                    + "tar \(options) --use-compress-program='lz4 -q' --file=- \"$@\"",
                "sh", path, "\(Form.headSize)",
            ] + words,
            failure: (.badImage, "'\(path)' can not be unpacked")
        )
    }

    // MARK: Taking

    private func unpack(_ path: String, _ original: TemplateManifest, _ digest: String, _ target: TemplateName)
        async throws -> TemplateManifest
    {
        var manifest = original
        manifest.name = target.name
        manifest.buildID = Random.uuid()
        let place = templates.buildingDirectory(manifest.buildID)
        do {
            try Files.makeDirectory(place)
            _ = try await tar(path, "--extract --sparse --no-same-owner --no-same-permissions", ["--directory", place])
            for name in Form.members {
                var status = stat()
                guard lstat("\(place)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                    throw TemplateError(.badImage, "'\(name)' in '\(path)' is no plain file")
                }
            }
            guard Files.size("\(place)/\(TemplateStore.File.memory)") == manifest.memoryBytes else {
                throw TemplateError(.badImage, "The memory in '\(path)' is not whole")
            }
            try Self.demandPlainDisk("\(place)/\(TemplateStore.File.disk)")
            let release = manifest.contents["kernel"] ?? ""
            let kernel = try await layer(.kernel, digest, ["vmlinux": Form.kernel], in: place) { directory in
                try Files.write(release.utf8, to: "\(directory)/release")
            }
            let initialRAMDisk = try await layer(
                .initialRAMDisk,
                digest,
                ["initramfs.cpio": Form.initialRAMDisk],
                in: place
            )
            let disk = try await layer(.disk, digest, ["disk.raw": Form.rootImage], in: place)
            manifest.kernel = "\(kernel)/vmlinux"
            manifest.initialRAMDisk = "\(initialRAMDisk)/initramfs.cpio"
            manifest.rootImage = "\(disk)/disk.raw"
            manifest.layers = [kernel, initialRAMDisk, disk].sorted()
            for name in [Form.kernel, Form.initialRAMDisk, Form.rootImage, TemplateStore.File.manifest] {
                try Files.remove("\(place)/\(name)")
            }
            try await LayerStore.putOnDisk(place)
            try templates.publish(manifest, tags: [target.tag])
            return manifest
        } catch {
            try? Files.remove(place)
            await Task { await builder.collectLayers() }.value
            throw Self.telling(error)
        }
    }

    /// Makes a layer of files that were unpacked; one that the same file brought before is used again.
    private func layer(
        _ layer: Layer,
        _ digest: String,
        _ files: [String: String],
        in place: String,
        _ also: @Sendable (String) throws -> Void = { _ in }
    ) async throws -> String {
        let layers = LayerStore(home)
        let key = Tools.digest(["imported 1", layer.rawValue, digest])
        if layers.has(layer, key) { return layers.directory(layer, key) }
        return try await layers.make(layer, key) { workplace in
            for (name, source) in files { try Files.link("\(place)/\(source)", to: "\(workplace.result)/\(name)") }
            try also(workplace.result)
        }
    }

    /// Refuses a disk that would have QEMU open another file of this host, or that is of a form that is never written here.
    static func demandPlainDisk(_ path: String) throws {
        let head = try Descriptor.open(path, O_RDONLY).read(upTo: 104)
        func number(_ offset: Int, _ count: Int) -> UInt64 {
            head.dropFirst(offset).prefix(count).reduce(0) { $0 << 8 | UInt64($1) }
        }
        /// An external data file, which its header names; corrupt or dirty marks are QEMU's affair.
        let externalData: UInt64 = 1 << 2
        let isPlain =
            head.count == 104 && number(0, 4) == 0x5146_49FB && number(4, 4) == 3 && number(32, 4) == 0
            && number(72, 8) & externalData == 0
        guard isPlain else {
            throw TemplateError(.badImage, "The disk of the template is of a kind that is not used here")
        }
    }

    /// An error with the code for a full disk where a tool or the system said that it is full.
    static func telling(_ error: any Error) -> any Error {
        let isFull =
            (error as? LinuxError)?.code == .noSpace
            || (error as? TemplateError)?.message.contains("No space left on device") == true
        return isFull ? TemplateError(.noSpace, "There is no space left for the template", cause: error) : error
    }
}
