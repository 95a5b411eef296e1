import HTTP
import Volumes

/// What can be done with the files of a volume. Modes are decimal: 384 is `0600`.
struct VolumeContentEndpoints: Sendable {
    typealias Request = VolumeContentServer.Request

    private static let modes: ClosedRange<Int64> = 0...0o7777
    /// The one number that is left out means "as it is" to the kernel.
    private static let ids: ClosedRange<Int64> = 0...(Int64(UInt32.max) - 1)
    private static let depths: ClosedRange<Int64> = 1...100
    private static let metadataLimit = 4096

    func entry(_ request: Request) async throws -> Answer? {
        try Answer(200, VolumeEntryModel(try await request.content.entry(at: request.path)))
    }

    func change(_ request: Request) async throws -> Answer? {
        let bytes = try await request.exchange.body.collect(limit: Self.metadataLimit)
        let model = try E2B.Request.decode(VolumeMetadataModel.self, bytes)
        let attributes = VolumeAttributes(
            mode: try Self.number(model.mode, "mode", Self.modes),
            uid: try Self.number(model.uid, "uid", Self.ids),
            gid: try Self.number(model.gid, "gid", Self.ids)
        )
        return try Answer(200, VolumeEntryModel(try await request.content.change(request.path, attributes)))
    }

    func remove(_ request: Request) async throws -> Answer? {
        try await request.content.remove(request.path)
        return Answer(204)
    }

    func list(_ request: Request) async throws -> Answer? {
        let depth = try request.query.integer("depth", in: Self.depths) ?? 1
        let entries = try await request.content.list(request.path, depth: Int(depth))
        return try Answer(200, entries.map { VolumeEntryModel($0) })
    }

    func makeDirectory(_ request: Request) async throws -> Answer? {
        let made = try await request.content.makeDirectory(
            request.path,
            Self.attributes(request.query),
            makesParents: Self.isForced(request.query)
        )
        return try Answer(201, VolumeEntryModel(made))
    }

    func read(_ request: Request) async throws -> Answer? {
        let file = try await request.content.read(request.path)
        let body = try request.exchange.start(
            200,
            ["Content-Type": "application/octet-stream"],
            length: Int(file.size)
        )
        try await file.read { try await body.write($0) }
        try await body.finish()
        return nil
    }

    /// A file that is there is replaced, forced or not, as the clients promise; what `force` adds is the directories above.
    func write(_ request: Request) async throws -> Answer? {
        let body = request.exchange.body
        let written = try await request.content.write(
            request.path,
            Self.attributes(request.query),
            makesParents: Self.isForced(request.query),
            size: body.remaining,
            from: { try await body.read(upTo: 256 * 1024) }
        )
        return try Answer(201, VolumeEntryModel(written))
    }

    // MARK: The query

    private static func attributes(_ query: Query) throws -> VolumeAttributes {
        VolumeAttributes(
            mode: try query.integer("mode", in: modes).map { UInt32($0) },
            uid: try query.integer("uid", in: ids).map { UInt32($0) },
            gid: try query.integer("gid", in: ids).map { UInt32($0) }
        )
    }

    private static func isForced(_ query: Query) throws -> Bool {
        switch query["force"]?.lowercased() {
        case nil, "false", "0": false
        case "true", "1": true
        default: throw RESTError.badRequest("'force' must be true or false")
        }
    }

    private static func number(_ number: Int64?, _ name: String, _ range: ClosedRange<Int64>) throws -> UInt32? {
        guard let number else { return nil }
        guard range.contains(number) else {
            throw RESTError.badRequest("'\(name)' must be an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return UInt32(number)
    }
}
