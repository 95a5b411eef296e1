import GuestLink
import Linux

/// What a build does with tools, network and guest; a test puts another in its place.
package protocol Workshop: Sendable {
    /// Finds out whether `layers` can be made here, before any is begun.
    func check(_ layers: [Layer]) async throws
    /// Finds a version of Claude Code, `latest` among them.
    func claude(_ version: String) async throws -> ClaudeCode
    /// Makes the files of a layer in `place`.
    ///
    /// - Parameter made: the directories of the layers that were made before.
    func make(
        _ layer: Layer,
        in place: LayerStore.Workplace,
        from made: [Layer: String],
        _ order: BuildOrder,
        _ progress: Progress
    ) async throws
    /// Makes a guest that has just booted ready for its first run.
    ///
    /// - Returns: what is in the guest, for people: versions of the parts.
    func warmUp(_ guest: GuestLink, _ order: BuildOrder, _ progress: Progress) async throws -> [String: String]
}

/// What is to be built.
package struct BuildOrder: Sendable {
    package var recipe: TemplateRecipe
    package var name: String
    /// The guest's agent, on the host.
    package var guestProgram: String
    /// A Claude Code program on the host, instead of the one that the recipe names.
    package var claudeProgram: String?
}

/// Makes layers with Debian's tools and PyPI.
package struct HostWorkshop: Workshop {
    private let cache: String

    package init(_ layers: LayerStore) {
        cache = layers.cache
    }

    package func check(_ layers: [Layer]) async throws {
        try Tools.require(for: layers)
    }

    package func claude(_ version: String) async throws -> ClaudeCode {
        try await ClaudeVersions(cache: cache).find(version)
    }

    package func make(
        _ layer: Layer,
        in place: LayerStore.Workplace,
        from made: [Layer: String],
        _ order: BuildOrder,
        _ progress: Progress
    ) async throws {
        /// Empty where the recipe has no such layer.
        func part(_ layer: Layer, _ file: String) -> String { made[layer].map { "\($0)/\(file)" } ?? "" }
        func needClaude() throws(TemplateError) -> ClaudeCode {
            if let claude = order.recipe.claude { return claude }
            throw TemplateError(.invalidRequest, "The template '\(order.name)' is made without '\(layer.rawValue)'")
        }
        switch layer {
        case .kernel: try await KernelLayer(recipe: order.recipe).make(in: place, progress)
        case .base: try await makeBase(in: place, order.recipe, progress)
        case .claude:
            try await ClaudeLayer(claude: try needClaude(), ownProgram: order.claudeProgram, cache: cache)
                .make(in: place, progress)
        case .packages:
            try await PythonPackagesLayer(recipe: order.recipe, requirements: try needClaude().pythonRequirements)
                .make(in: place, progress)
        case .disk:
            try await makeDisk(
                in: place,
                base: part(.base, "root.tar"),
                claude: part(.claude, "claude"),
                packages: part(.packages, "packages"),
                order.recipe
            )
        case .initialRAMDisk:
            try await Tools.script(
                order.recipe.initialRAMDiskScript,
                [order.guestProgram, part(.kernel, "modules"), place.scratch, "\(place.result)/initramfs.cpio"],
                failure: (.toolFailed, "The initial RAM disk was not made")
            )
        }
    }

    package func warmUp(
        _ guest: GuestLink,
        _ order: BuildOrder,
        _ progress: Progress
    ) async throws -> [String: String] {
        let versions = try await WarmUp(guest: guest, recipe: order.recipe, progress: progress).run()
        if let claude = order.recipe.claude, order.claudeProgram == nil, versions["claude"] != claude.version {
            throw TemplateError(
                .digestMismatch,
                "\(claude.wheelProject) \(claude.wheelVersion) was to bring Claude Code \(claude.version), and what it "
                    + "brings calls itself '\(versions["claude"] ?? "")'. It was not used"
            )
        }
        return versions
    }

    private func makeBase(in place: LayerStore.Workplace, _ recipe: TemplateRecipe, _ progress: Progress) async throws {
        let failure = (TemplateError.Code.downloadFailed, "Debian's base system was not made")
        let line: @Sendable (String) -> Void = { progress.line($0) }
        let output = "\(place.result)/root.tar"
        if Tools.isRoot {
            // In a mount namespace of its own, where that is allowed: whatever ends it, no mount is left.
            let mayUnshare = try await Program("unshare", ["--mount", "true"]).run().status.isSuccess
            let words = (mayUnshare ? ["unshare", "--mount"] : []) + ["/bin/sh", "-euc", recipe.baseScript, "sh"]
            try await Tools.run(
                words[0],
                words.dropFirst() + [output, "root"],
                environment: ["TMPDIR": place.scratch],
                failure: failure,
                line: line
            )
        } else {
            // There the tree has another owner, who could not reach a directory below a home.
            let scratch = "\(Program.variable("TMPDIR") ?? "/tmp")/martlet-\(Random.name(8))"
            try Files.makeDirectory(scratch, mode: 0o777)
            do {
                try await Tools.script(
                    recipe.baseScript,
                    [output, "unshare"],
                    environment: ["TMPDIR": scratch],
                    failure: failure,
                    line: line
                )
            } catch {
                await Task { await Tools.removeTree(scratch) }.value
                throw error
            }
            await Tools.removeTree(scratch)
        }
    }

    private func makeDisk(
        in place: LayerStore.Workplace,
        base: String,
        claude: String,
        packages: String,
        _ recipe: TemplateRecipe
    ) async throws {
        let files = "\(place.scratch)/files"
        for file in recipe.files {
            let isHome = file.path.hasPrefix("~/")
            let path = isHome ? "\(files)/home/\(file.path.dropFirst(2))" : "\(files)/system\(file.path)"
            try Files.makeDirectory(String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex)), mode: 0o755)
            try Files.write(file.text.utf8, to: path, mode: file.isProgram ? 0o755 : 0o644)
        }
        try await Tools.script(
            recipe.diskScript,
            [base, files, place.scratch, "\(place.result)/disk.raw", "\(recipe.diskMiB)", claude, packages],
            ownsFiles: true,
            failure: (.toolFailed, "The disk image was not made")
        )
    }
}
