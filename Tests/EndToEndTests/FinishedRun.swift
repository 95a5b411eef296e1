import FoundationEssentials
import Linux
import Testing
import Wire

/// A `martlet run --output json` that has ended.
struct FinishedRun: Sendable {
    let status: Linux.ExitStatus
    let output: String
    let errorText: String

    init(_ output: Program.Output) {
        status = output.status
        self.output = output.text
        errorText = output.errorText
    }

    /// The report as a program would read it.
    var json: JSONValue { (try? JSONValue(parsing: output)) ?? .null }

    var report: RunReport {
        get throws {
            let decoder = JSONDecoder()
            decoder.dateDecodingStrategy = .iso8601
            do {
                return try decoder.decode(RunReport.self, from: Data(output.utf8))
            } catch {
                throw Unexpected(
                    "No report on standard output (\(status)): \(output.prefix(500)) \(errorText.prefix(2000))"
                )
            }
        }
    }

    /// Expects the run to have ended so, and gives its report.
    @discardableResult
    func ended(_ outcome: RunOutcome, sourceLocation: SourceLocation = #_sourceLocation) throws -> RunReport {
        let report = try report
        #expect(
            report.outcome == outcome,
            "\(report.error?.message ?? "") \(errorText)",
            sourceLocation: sourceLocation
        )
        #expect(status == .exited(outcome.isSuccess ? 0 : 1), sourceLocation: sourceLocation)
        #expect((report.error == nil) == outcome.isSuccess, sourceLocation: sourceLocation)
        return report
    }

    /// Expects the line to have been refused before anything was started, with words that contain all of these.
    func wasRefused(_ words: String..., status expected: Int32 = 2, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(status == .exited(expected), "\(errorText)", sourceLocation: sourceLocation)
        #expect(output.isEmpty, sourceLocation: sourceLocation)
        for word in words {
            #expect(errorText.contains(word), "'\(word)' in: \(errorText)", sourceLocation: sourceLocation)
        }
    }
}

/// A schema of a small finding.
let findings: JSONValue = [
    "type": "object", "required": ["summary", "issues_found"], "additionalProperties": false,
    "properties": [
        "summary": ["type": "string"], "issues_found": ["type": "integer"],
        "recommendations": ["type": "array", "items": ["type": "string"]],
    ],
]
