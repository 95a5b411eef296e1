import Linux
import Wire

/// Puts what a run gave where the line says.
struct RunDelivery: Sendable {
    let request: RunRequest
    let surroundings: Surroundings

    func deliver(_ report: RunReport) async throws {
        try await writeOutput(report)
        if let path = request.diff, path != "-" { try await writeDiff(report, to: path) }
        if let directory = request.artifactsDirectory { await copyArtifacts(report, to: directory) }
    }

    private func writeOutput(_ report: RunReport) async throws {
        switch request.format {
        case .json: try await StandardStream.output.write(try Output.json(report))
        case .streamJSON: break
        case .text where request.diff == "-": try await StandardStream.output.write(report.diff ?? "")
        case .text:
            let text = RunSummary.result(report, isTerminal: surroundings.outputIsTerminal)
            try await StandardStream.output.write(text ?? "")
        }
    }

    private func writeDiff(_ report: RunReport, to path: String) async throws {
        let bytes = Array((report.diff ?? "").utf8)
        do {
            try await BlockingPool.run { try Files.write(bytes, to: path, mode: 0o644) }
        } catch {
            throw CommandsError(
                .notWritten,
                "The diff could not be written to '\(path)'; 'martlet runs show \(report.id) --output json' has it",
                cause: error
            )
        }
    }

    private func copyArtifacts(_ report: RunReport, to directory: String) async {
        for artifact in report.artifacts {
            guard let file = artifact.file else { continue }
            let target = Self.place(of: artifact.path, in: directory)
            do {
                try await BlockingPool.run {
                    if let cut = target.lastIndex(of: "/") {
                        try Files.makeDirectory(String(target[..<cut]), mode: 0o755)
                    }
                    try Files.write(try Files.read(file), to: target, mode: 0o644)
                }
            } catch {
                await StandardStream.say("The artifact '\(artifact.path)' could not be copied to '\(target)': \(error)")
            }
        }
    }

    /// Where an artifact goes: its path in the guest decides names, and never a place outside the directory.
    static func place(of path: String, in directory: String) -> String {
        let parts = path.split(separator: "/").filter { $0 != "." && $0 != ".." }
        return ([directory] + (parts.isEmpty ? ["artifact"] : parts.map(String.init))).joined(separator: "/")
    }
}
