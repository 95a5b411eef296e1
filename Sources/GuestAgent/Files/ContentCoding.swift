import HTTP

/// How the bytes of a download are sent.
enum ContentCoding: Sendable {
    case identity, gzip

    /// Chooses by `Accept-Encoding`: packing costs a guest more than sending, so it is done only for who asks for nothing
    /// else.
    ///
    /// - Throws: ``HTTPError`` with status 406 when neither is acceptable.
    init(acceptedBy headers: Headers) throws(HTTPError) {
        let fields = headers.values("Accept-Encoding")
        let weights = Self.weights(fields)
        let isIdentityRefused = (weights["identity"] ?? weights["*"].map { $0 > 0 ? 1 : 0 } ?? 1) == 0
        let isGzipAccepted = (weights["gzip"] ?? weights["x-gzip"] ?? weights["*"] ?? 0) > 0
        if isGzipAccepted, isIdentityRefused || Array(weights.keys) == ["gzip"] {
            self = .gzip
        } else if !isIdentityRefused {
            self = .identity
        } else {
            throw HTTPError(406, "no acceptable encoding found, supported: identity, gzip")
        }
    }

    private static func weights(_ fields: [String]) -> [String: Double] {
        var weights: [String: Double] = [:]
        for item in fields.joined(separator: ",").split(separator: ",") {
            let parts = item.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }
            guard let name = parts.first, !name.isEmpty else { continue }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 }
            weights[name] = weight ?? 1
        }
        return weights
    }
}
