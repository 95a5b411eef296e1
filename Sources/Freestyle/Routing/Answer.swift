import HTTP
import Wire

/// What a request is answered with, whole.
struct Answer: Sendable, Hashable {
    var status: Int
    var headers: Headers = [:]
    var body: [UInt8] = []

    /// An answer without a body.
    init(_ status: Int) { self.status = status }

    init(_ status: Int, _ document: JSONValue) {
        self.status = status
        headers = ["Content-Type": "application/json"]
        body = document.encoded()
    }
}
