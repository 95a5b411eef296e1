import Linux

/// Makes the layer `packages`: Python packages from PyPI, unpacked for the guest's Python and not for this host's.
struct PythonPackagesLayer {
    let recipe: TemplateRecipe
    let requirements: String

    func make(in place: LayerStore.Workplace, _ progress: Progress) async throws {
        let list = "\(place.scratch)/requirements.txt"
        try Files.write(requirements.utf8, to: list)
        try await Tools.run(
            "python3",
            // A list that names every file leaves pip nothing to resolve.
            [
                "-m", "pip", "install", "--no-deps", "--require-hashes", "--only-binary=:all:", "--no-cache-dir",
                "--disable-pip-version-check", "--no-warn-conflicts", "--root-user-action=ignore",
                "--progress-bar=off", "--python-version", recipe.pythonVersion, "--implementation", "cp",
                "--platform", "manylinux_2_28_x86_64", "--platform", "manylinux_2_17_x86_64", "--platform",
                "manylinux2014_x86_64", "--target", "\(place.result)/packages", "--requirement", list,
            ],
            failure: (
                .downloadFailed,
                "The Python packages were not fetched; check the network, and that pip is installed "
                    + "('apt-get install python3-pip')"
            ),
            line: { progress.line($0) }
        )
        // Commands of this host's Python, which the guest does not have.
        try Files.remove("\(place.result)/packages/bin")
    }
}
