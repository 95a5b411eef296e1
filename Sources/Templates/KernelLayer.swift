import Glibc
import Linux

/// Makes the layer `kernel` out of Debian's package.
struct KernelLayer {
    let recipe: TemplateRecipe

    func make(in place: LayerStore.Workplace, _ progress: Progress) async throws {
        let package = try await packageName()
        try await Tools.run(
            "apt-get",
            // As root apt would fetch as another user, who may not write here.
            ["-q", "-o", "APT::Sandbox::User=root", "download", package],
            directory: place.scratch,
            failure: (
                .downloadFailed, "The kernel '\(package)' was not fetched; check the network and run 'apt-get update'"
            ),
            line: { progress.line($0) }
        )
        guard let archive = Files.list(place.scratch).first(where: { $0.hasSuffix(".deb") }) else {
            throw TemplateError(.downloadFailed, "apt-get said that it fetched '\(package)', and there is no such file")
        }
        let tree = "\(place.scratch)/tree"
        try await Tools.run(
            "dpkg-deb",
            ["-x", "\(place.scratch)/\(archive)", tree],
            failure: (.toolFailed, "The kernel's package was not unpacked")
        )
        guard let image = Files.list("\(tree)/boot").first(where: { $0.hasPrefix("vmlinuz-") }) else {
            throw TemplateError(.badKernel, "The package '\(package)' has no kernel in it")
        }
        let release = String(image.dropFirst("vmlinuz-".count))
        try await unpack("\(tree)/boot/\(image)", place)
        try await copyModules("\(tree)/lib/modules/\(release)/kernel", to: "\(place.result)/modules")
        try Files.write(release.utf8, to: "\(place.result)/release")
    }

    /// The package that the recipe's one depends on: `linux-image-VERSION-cloud-amd64`.
    private func packageName() async throws -> String {
        let output = try await Tools.run(
            "apt-cache",
            ["depends", "--no-recommends", "--no-suggests", recipe.kernelPackage],
            failure: (
                .downloadFailed, "Debian's package '\(recipe.kernelPackage)' is not known here; run 'apt-get update'"
            )
        )
        for line in output.text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == "Depends:", words[1].hasPrefix("linux-image-") { return String(words[1]) }
        }
        throw TemplateError(
            .downloadFailed,
            "Debian's package '\(recipe.kernelPackage)' names no kernel here; run 'apt-get update'"
        )
    }

    private func unpack(_ image: String, _ place: LayerStore.Workplace) async throws {
        let packed = "\(place.scratch)/payload.lz4"
        let kernel = "\(place.result)/vmlinux"
        let size = try await BlockingPool.run {
            let image = try BootImage(Files.read(image))
            try Files.write(image.payload, to: packed)
            return image.unpackedSize
        }
        try await Tools.run(
            "lz4",
            ["-d", "-q", "-f", packed, kernel],
            failure: (.badKernel, "The kernel was not unpacked")
        )
        guard Files.size(kernel) == Int64(size) else {
            throw TemplateError(.badKernel, "The kernel is not as large as its image says when it is unpacked")
        }
    }

    private func copyModules(_ tree: String, to place: String) async throws {
        try Files.makeDirectory(place)
        let modules = recipe.modules
        try await BlockingPool.run {
            for (index, module) in modules.enumerated() {
                let name = module.split(separator: "/").last ?? ""
                let number = index < 10 ? "0\(index)" : "\(index)"
                let bytes = try Files.read("\(tree)/\(module).ko")
                try Files.write(bytes, to: "\(place)/\(number)-\(name).ko")
            }
        }
    }
}
