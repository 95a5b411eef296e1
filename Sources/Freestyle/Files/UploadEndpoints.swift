import FoundationEssentials
import HTTP
import Synchronization
import Wire

/// `/v5/vms/{vm}/fs/uploads`: large files in chunks, which go on where a connection broke.
struct UploadEndpoints: Sendable {
    static let chunkLimit = 256 * 1024 * 1024

    let machines: VirtualMachines
    let uploads = Uploads()

    func begin(_ request: Request) async throws -> Answer {
        let vm = try await machines.use(request)
        let members = try request.members()
        guard let size = try members.integer("size", in: 0...Int64(NewFile.largest)) else {
            throw FreestyleError.badRequest("'size' is missing")
        }
        let file = try NewFile(
            path: try GuestPath(try members.text("path")),
            mode: try members.integer("mode", in: NewFile.modes),
            digest: try members.string("sha256"),
            user: try request.user(try members.string("linuxUser"))
        )
        let upload = Upload(file, size: size, to: vm.sandbox)
        try await uploads.add(upload)
        return Answer(200, upload.document)
    }

    private func find(_ request: Request) async throws -> Upload {
        try uploads.find(request["id"], of: try await machines.use(request).id)
    }

    func status(_ request: Request) async throws -> Answer { Answer(200, try await find(request).document) }

    func take(_ request: Request) async throws {
        let upload = try await find(request)
        guard let offset = try request.integer("offset", in: 0...Int64(NewFile.largest)) else {
            throw FreestyleError.badRequest("'offset' is missing in the query")
        }
        let body = request.exchange.body
        if let length = body.remaining, length > Self.chunkLimit {
            throw FreestyleError(413, .payloadTooLarge, "A chunk has at most \(Self.chunkLimit) bytes")
        }
        try await upload.take(at: offset, limit: Self.chunkLimit) { try await body.read(upTo: 256 * 1024) }
        let answer = Answer(200, upload.document)
        try await request.exchange.respond(answer.status, answer.headers, body: answer.body)
    }

    func commit(_ request: Request) async throws -> Answer {
        let upload = try await find(request)
        try await upload.commit()
        uploads.forget(upload)
        return Answer(204)
    }

    func discard(_ request: Request) async throws -> Answer {
        let upload = try await find(request)
        uploads.forget(upload)
        await upload.discard()
        return Answer(204)
    }
}

/// The uploads that are under way. They do not outlive the daemon.
final class Uploads: Sendable {
    private static let lifetime = Duration.seconds(3600)
    /// Of one machine.
    private static let limit = 16

    private let byID = Mutex<[String: Upload]>([:])

    func add(_ upload: Upload) async throws {
        await removeOld()
        let isTaken = byID.withLock { byID in
            guard byID.values.count(where: { $0.vm == upload.vm }) < Self.limit else { return false }
            byID[upload.id] = upload
            return true
        }
        guard isTaken else { throw FreestyleError.conflict("\(Self.limit) uploads to this VM are under way already") }
    }

    func find(_ id: String, of vm: String) throws -> Upload {
        guard let upload = byID.withLock({ $0[id] }), upload.vm == vm, !Self.isOld(upload) else {
            throw FreestyleError.notFound("There is no upload '\(id)' to this VM")
        }
        return upload
    }

    func forget(_ upload: Upload) { _ = byID.withLock { $0.removeValue(forKey: upload.id) } }

    private static func isOld(_ upload: Upload) -> Bool { ContinuousClock.now - upload.lastUse > lifetime }

    private func removeOld() async {
        let old = byID.withLock { byID in
            let old = byID.values.filter(Self.isOld)
            for upload in old { byID[upload.id] = nil }
            return old
        }
        for upload in old { await upload.discard() }
    }
}
