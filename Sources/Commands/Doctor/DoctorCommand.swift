import Arguments

/// `martlet doctor`.
enum DoctorCommand {
    static let command = Command(
        "doctor",
        summary: "Tell what this machine can do, by trying it",
        discussion:
            "The status is 1 when something is missing that the main job needs; each line that is not ok has its fix.",
        options: [SharedOptions.output],
        group: "Upkeep"
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        let format = try SharedOptions.format(invocation)
        let findings = await Doctor(surroundings: surroundings).findings()
        try await Output.print(findings, as: format) { Finding.text(findings, style: surroundings.outputStyle) }
        return Finding.status(findings)
    }
}
