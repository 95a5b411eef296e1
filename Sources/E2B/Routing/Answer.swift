import FoundationEssentials
import HTTP

/// What a request is answered with, whole.
struct Answer: Sendable, Hashable {
    var status: Int
    var headers: Headers = [:]
    var body: [UInt8] = []

    /// An answer without a body.
    init(_ status: Int) {
        self.status = status
    }

    init(_ status: Int, _ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        self.init(status, json: Array(try encoder.encode(value)))
    }

    init(_ status: Int, json body: [UInt8]) {
        self.status = status
        headers = ["Content-Type": "application/json"]
        self.body = body
    }
}
