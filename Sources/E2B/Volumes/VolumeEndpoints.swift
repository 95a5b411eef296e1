import Access
import Linux
import Volumes

/// `/volumes`: which there are. A key sees its owner's, and no others.
struct VolumeEndpoints: Sendable {
    let volumes: VolumeStore
    let domain: String?

    func create(_ request: Request) async throws -> Answer {
        let model = try await request.body(NewVolumeModel.self)
        return try Answer(201, self.model(try await volumes.add(model.name, owner: request.caller.owner)))
    }

    func list(_ request: Request) async throws -> Answer {
        let all = try await volumes.list(of: request.caller.owner)
        return try Answer(200, all.map { VolumeModel(volumeID: $0.id, name: $0.name) })
    }

    func get(_ request: Request) async throws -> Answer {
        try Answer(200, model(try await volumes.volume(request["id"], owner: request.caller.owner)))
    }

    func remove(_ request: Request) async throws -> Answer {
        try await volumes.remove(request["id"], owner: request.caller.owner)
        return Answer(204)
    }

    private func model(_ volume: Volume) -> VolumeModel {
        VolumeModel(
            volumeID: volume.id,
            name: volume.name,
            token: volumes.token(of: volume).exposed { $0 },
            domain: domain
        )
    }
}
