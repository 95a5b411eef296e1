import FoundationEssentials
import HTTP

extension Exchange {
    /// Answers with a value as JSON.
    func respond(json value: some Encodable) async throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        try await respond(200, ["Content-Type": "application/json"], body: Array(try encoder.encode(value)))
    }
}
