import GuestLink
import Linux
import Wire

extension Run {
    private static let judgeLimit = Duration.seconds(900)

    /// Has the judge's command look at what the agent made, where it made it. One that can not be asked gives nothing.
    ///
    /// It runs where the agent could change what it stands on, and is worth what that is worth.
    func judge(_ workspace: Workspace, _ progress: inout RunProgress) async {
        guard case .command(let line) = options.judge, progress.report.outcome?.isSuccess == true else { return }
        var command = GuestLink.Command(
            "/bin/sh",
            ["-c", line],
            user: Workspace.user,
            environment: options.environment,
            directory: workspace.path
        )
        command.input = Array((progress.report.result ?? .null).text().utf8)
        command.limit = Self.judgeLimit
        do {
            let judgement = Judgement(try await workspace.link.run(command))
            progress.report.score = judgement.score
            progress.report.judgement = judgement.words
        } catch {
            progress.report.warnings.append("The judge gave no score: \(error)")
        }
    }
}

/// What a judge's command said.
struct Judgement: Sendable, Hashable {
    private static let wordLimit = 500

    let score: Double
    /// The last line.
    let words: String

    init(_ result: CommandResult) {
        self.init(status: result.status, output: result.text, errors: result.errorText)
    }

    init(status: Int32, output: String, errors: String) {
        let last = Self.lastLine(output)
        if status == 0 {
            score = Double(last).flatMap { $0.isFinite ? $0 : nil } ?? 1
            words = last
        } else {
            score = 0
            words = last.isEmpty ? Self.lastLine(errors) : last
        }
    }

    private static func lastLine(_ text: String) -> String {
        let lines = text.split(whereSeparator: \.isNewline).map { $0.drop { $0 == " " || $0 == "\t" } }
        let line = lines.last { !$0.isEmpty } ?? ""
        let kept = line.reversed().drop { $0 == " " || $0 == "\t" }.reversed()
        return String(String(kept).prefix(wordLimit))
    }
}
