import FoundationEssentials
import Glibc
import HTTP
import Linux
import Wire

/// `GET` and `POST /files`: whole files, streamed.
struct FileTransfer: Sendable {
    let requester: Requesters

    private static let block = 1024 * 1024

    // MARK: Download

    /// Sends a file up to its end, whatever size it claims: files of `/proc` claim none.
    func download(_ exchange: Exchange) async throws {
        let place = try await requester.place(exchange.request)
        let path = try place.resolve(exchange.request.query["path"] ?? "")
        let files = files(place)
        let file = try await BlockingPool.run { try files.openToRead(path) }
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        let body = try exchange.start(
            200,
            [
                "Content-Type": "application/octet-stream",
                "Content-Disposition": "inline; filename*=utf-8''\(PercentEncoding.encode(name))",
                "Vary": "Accept-Encoding",
            ]
        )
        while true {
            let bytes = try await BlockingPool.run { try file.read(upTo: 256 * 1024) }
            if bytes.isEmpty { break }
            try await body.write(bytes)
        }
        try await body.finish()
    }

    private func files(_ place: Place) -> Files {
        Files(account: place.account, switchesUser: requester.users.areSwitched)
    }

    // MARK: Upload

    private struct Uploaded: Encodable {
        var name: String
        var type = "file"
        var path: String
        var metadata: [String: String]?
    }

    /// Where an upload goes.
    private struct Target: Sendable {
        var place: Place
        var path: String?
        var notes: [String: String]
        /// The body's content type.
        var type: String
    }

    /// Gives the next bytes of a body; an empty array is the end.
    private typealias Source = @Sendable () async throws -> [UInt8]

    func upload(_ exchange: Exchange) async throws {
        let headers = exchange.request.headers
        let place = try await requester.place(exchange.request)
        let notes = try FileMetadata.requested(headers)
        let target = Target(
            place: place,
            path: try exchange.request.query["path"].map { try place.resolve($0) },
            notes: notes,
            type: headers["Content-Type"] ?? ""
        )
        let written: [String]
        switch headers["Content-Encoding"]?.lowercased() ?? "identity" {
        case "identity":
            written = try await take(target) { try await exchange.body.read() }
        case "gzip":
            written = try await takeCompressed(exchange.body, target)
        case let coding:
            throw HTTPError(
                415,
                "An upload with the encoding '\(coding)' is not understood; send it as it is or as gzip"
            )
        }
        let answer = written.map { path in
            Uploaded(
                name: path.split(separator: "/").last.map(String.init) ?? "",
                path: path,
                metadata: notes.isEmpty ? nil : notes
            )
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        let body = Array(try encoder.encode(answer))
        try await exchange.respond(200, ["Content-Type": "application/json"], body: body)
    }

    /// Takes a compressed body through the guest's own gzip.
    private func takeCompressed(_ body: BodyReader, _ target: Target) async throws -> [String] {
        let gzip = try await BlockingPool.run { [requester] in
            try Tool.start("gzip", ["-d", "-c"], for: target.place, switchesUser: requester.users.areSwitched)
        }
        defer { gzip.stop() }
        async let words = gzip.words()
        async let feeding: Void = gzip.feed(body)
        let written = try await take(target) { try await gzip.output.read() }
        try await feeding
        let said = await words
        guard try await gzip.child.exit.value().isSuccess else {
            throw HTTPError(400, "The upload is not gzip: \(said)")
        }
        return written
    }

    private func take(_ target: Target, _ source: Source) async throws -> [String] {
        if let parser = MultipartParser(contentType: target.type) {
            return try await takeParts(target, parser, source)
        }
        guard target.type.prefix(while: { $0 != ";" }).lowercased() == "application/octet-stream" else {
            let type = target.type
            throw HTTPError(400, "An upload is multipart/form-data or application/octet-stream, not '\(type)'")
        }
        guard let path = target.path else { throw HTTPError(400, "An upload as octet-stream needs a path") }
        let file = Incoming(path: path, files: files(target.place), target.notes)
        while true {
            let bytes = try await source()
            if bytes.isEmpty { break }
            try await file.take(bytes, blockSize: Self.block)
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
                    current = Incoming(path: path, files: files(target.place), target.notes)
                    written.append(path)
                case .data(let bytes):
                    try await current?.take(bytes, blockSize: Self.block)
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

/// A file that arrives.
///
/// Bytes are gathered into large writes, so that a watcher sees a small file made, given to its user and written once each.
private final class Incoming {
    private let path: String
    private let files: Files
    private let notes: [String: String]
    private var gathered: [UInt8] = []
    private var file: Descriptor?

    init(path: String, files: Files, _ notes: [String: String]) {
        self.path = path
        self.files = files
        self.notes = notes
    }

    func take(_ bytes: [UInt8], blockSize: Int) async throws {
        gathered += bytes
        if gathered.count >= blockSize { try await write() }
    }

    func finish() async throws {
        if file == nil || !gathered.isEmpty { try await write() }
        file?.close()
    }

    private func write() async throws {
        let bytes = gathered
        gathered = []
        file = try await BlockingPool.run { [file, files, path, notes] in
            let file = try file ?? files.openToWrite(path, notes)
            do throws(LinuxError) {
                try file.writeAll(bytes)
            } catch {
                throw CallError(error, path)
            }
            return file
        }
    }
}
