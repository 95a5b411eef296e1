import FoundationEssentials
import HTTP
import Linux
import Wire

/// A file as the plain endpoints tell it.
struct WrittenFile: Encodable {
    var name: String
    var type = "file"
    var path: String
    var metadata: [String: String]?

    init(_ path: String, _ notes: [String: String]) {
        name = path.split(separator: "/").last.map(String.init) ?? ""
        self.path = path
        metadata = notes.isEmpty ? nil : notes
    }
}

/// `POST /files`: files, streamed.
struct Upload: Sendable {
    let requester: Requesters

    /// Where an upload goes.
    private struct Target: Sendable {
        var place: Place
        var files: Files
        var path: String?
        var notes: [String: String]
        /// The body's content type.
        var type: String
    }

    /// Gives the next bytes of a body; an empty array is the end.
    private typealias Source = @Sendable () async throws -> [UInt8]

    func answer(_ exchange: Exchange) async throws {
        let headers = exchange.request.headers
        let place = try await requester.place(exchange.request)
        let target = Target(
            place: place,
            files: Files(account: place.account, switchesUser: requester.users.areSwitched),
            path: try exchange.request.query["path"].map { try place.resolve($0) },
            notes: try FileMetadata.requested(headers),
            type: headers["Content-Type"] ?? ""
        )
        let written: [String]
        switch headers["Content-Encoding"]?.lowercased() ?? "identity" {
        case "identity", "":
            written = try await take(target) { try await exchange.body.read() }
        case "gzip", "x-gzip":
            let inflater = try Inflater()
            written = try await take(target) { try await Self.unpacked(exchange.body, inflater) }
        case let coding:
            throw HTTPError(
                400,
                "An upload with the encoding '\(coding)' is not understood; send it as it is or as gzip"
            )
        }
        try await exchange.respond(json: written.map { WrittenFile($0, target.notes) })
    }

    private static func unpacked(_ body: BodyReader, _ inflater: Inflater) async throws -> [UInt8] {
        while true {
            let bytes = try await BlockingPool.run { try inflater.next(upTo: 256 * 1024) }
            if !bytes.isEmpty { return bytes }
            let packed = try await body.read()
            if packed.isEmpty {
                try inflater.finish()
                return []
            }
            inflater.add(packed)
        }
    }

    private func take(_ target: Target, _ source: Source) async throws -> [String] {
        if let parser = MultipartParser(contentType: target.type) {
            return try await takeParts(target, parser, source)
        }
        guard target.type.prefix(while: { $0 != ";" && $0 != " " }).lowercased() == "application/octet-stream" else {
            let type = target.type
            throw HTTPError(400, "An upload is multipart/form-data or application/octet-stream, not '\(type)'")
        }
        guard let path = target.path else { throw HTTPError(400, "An upload as octet-stream needs a path") }
        let file = Incoming(path: path, files: target.files, target.notes)
        while true {
            let bytes = try await source()
            if bytes.isEmpty { break }
            try await file.take(bytes)
        }
        try await file.finish()
        return [path]
    }

    /// Writes the parts named `file`; without a path in the query each one's file name is its path.
    private func takeParts(_ target: Target, _ parser: MultipartParser, _ source: Source) async throws -> [String] {
        var parser = parser
        var written: [String] = []
        var current: Incoming?
        while true {
            let bytes = try await source()
            if bytes.isEmpty { break }
            for event in try parser.add(bytes) {
                switch event {
                case .began(let part):
                    guard part.name == "file" else { continue }
                    if target.path != nil, !written.isEmpty {
                        throw HTTPError(400, "An upload to one path has one file, and this one has more")
                    }
                    guard let path = try target.path ?? part.filename.map({ try target.place.resolve($0) }) else {
                        throw HTTPError(400, "A file of the upload has no name, and there is no path")
                    }
                    current = Incoming(path: path, files: target.files, target.notes)
                    written.append(path)
                case .data(let bytes):
                    try await current?.take(bytes)
                case .ended:
                    try await current?.finish()
                    current = nil
                }
            }
        }
        try parser.finish()
        return written
    }
}
