import Glibc
import HTTP
import Linux

/// `GET /files`: a whole file or a part of it, streamed.
struct Download: Sendable {
    let requester: Requesters

    private static let block = 256 * 1024

    func answer(_ exchange: Exchange) async throws {
        let request = exchange.request
        let place = try await requester.place(request)
        let path = try place.resolve(request.query["path"] ?? "")
        let coding = try ContentCoding(acceptedBy: request.headers)
        let files = Files(account: place.account, switchesUser: requester.users.areSwitched)
        let (file, size) = try await BlockingPool.run {
            let file = try files.openToRead(path)
            var status = stat()
            return (file, fstat(file.raw, &status) == 0 ? Int64(status.st_size) : 0)
        }
        var headers: Headers = [
            "Content-Type": "application/octet-stream",
            "Content-Disposition": Self.disposition(path.split(separator: "/").last.map(String.init) ?? ""),
            "Vary": "Accept-Encoding", "Accept-Ranges": "bytes",
        ]
        // There is nothing that a condition could be compared with, so it does not hold and the whole is sent.
        let field = request.headers["If-Range"] == nil ? request.headers["Range"] : nil
        switch (coding, ByteRange(field, size: size)) {
        case (.identity, .part(let range)):
            headers["Content-Range"] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)"
            try await send(range, of: file, try exchange.start(206, headers, length: range.count))
        case (.identity, .unsatisfiable):
            try await exchange.respond(416, ["Content-Range": "bytes */\(size)", "Vary": "Accept-Encoding"])
        case (.identity, .whole):
            try await send(file, try exchange.start(200, headers))
        case (.gzip, _):
            headers["Content-Encoding"] = "gzip"
            try await sendPacked(file, try exchange.start(200, headers))
        }
    }

    /// Sends a file up to its end, whatever size it claims: files of `/proc` claim none.
    private func send(_ file: Descriptor, _ body: BodyWriter) async throws {
        while true {
            let bytes = try await BlockingPool.run { try file.read(upTo: Self.block) }
            if bytes.isEmpty { break }
            try await body.write(bytes)
        }
        try await body.finish()
    }

    private func send(_ range: Range<Int64>, of file: Descriptor, _ body: BodyWriter) async throws {
        lseek(file.raw, off_t(range.lowerBound), SEEK_SET)
        var left = range.count
        while left > 0 {
            let bytes = try await BlockingPool.run { [left] in try file.read(upTo: min(Self.block, left)) }
            // A file that has become shorter leaves the body short, which the other side notices.
            if bytes.isEmpty { break }
            try await body.write(bytes)
            left -= bytes.count
        }
        try await body.finish()
    }

    private func sendPacked(_ file: Descriptor, _ body: BodyWriter) async throws {
        let deflater = try Deflater()
        while true {
            let (packed, isLast) = try await BlockingPool.run {
                let bytes = try file.read(upTo: Self.block)
                return (deflater.pack(bytes, isLast: bytes.isEmpty), bytes.isEmpty)
            }
            try await body.write(packed)
            if isLast { return try await body.finish() }
        }
    }

    /// The name as it is, in quotes, or encoded, whichever it allows: RFC 6266.
    static func disposition(_ name: String) -> String {
        let marks = Set("!#$%&'*+-.^_`|~".utf8)
        let isToken = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: marks.contains(byte)
            }
        }
        if isToken, !name.isEmpty { return "inline; filename=\(name)" }
        if name.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) {
            let quoted = name.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : [$0] }
            return "inline; filename=\"\(String(quoted))\""
        }
        return "inline; filename*=utf-8''\(PercentEncoding.encode(name))"
    }
}
