import Wire

/// A description of a machine, as the first version's create has it: layers, each on top of the snapshot that it names.
///
/// Freestyle builds and caches each layer; here all are laid into the new machine, the lowest first.
struct FirstSpec: Sendable {
    private static let mostLayers = 32

    /// The lowest first; the last is the create's own members.
    let layers: [Members]

    init(_ members: Members) throws {
        var layers = [members]
        var below = try members.object("spec") ?? members.object("snapshot")
        while let layer = below {
            guard layers.count < Self.mostLayers else {
                throw FreestyleError.badRequest("A description has at most \(Self.mostLayers) layers")
            }
            layers.append(layer)
            below = try layer.object("snapshot") ?? layer.object("spec")
        }
        self.layers = layers.reversed()
        for layer in self.layers { try Self.refuseMissing(layer) }
    }

    /// The snapshot below all layers; nil where none is named.
    func snapshot() throws -> String? {
        for layer in layers { if let name = try layer.string("snapshotId") { return name } }
        return nil
    }

    /// The working directory that the highest layer names.
    func workingDirectory() throws -> String? {
        for layer in layers.reversed() { if let path = try layer.string("workdir") { return try GuestPath(path).text } }
        return nil
    }

    /// The size that the highest layers name.
    func size() throws -> VMSize {
        try layers.reduce(VMSize()) { size, layer in size.changed(by: try VMSize(first: layer)) }
    }

    /// The port that plain HTTPS is meant for.
    func targetPort() throws -> Int64? {
        for port in try layers.last?.objects("ports") ?? [] where port["port"]?.integer == 443 {
            return try port.integer("targetPort", in: 1...65535)
        }
        return nil
    }

    /// What would change nothing is passed over, as `persistence`.
    private static let missing = [
        "baseImage":
            "images built at create ('baseImage'); make a template of the Dockerfile with 'martlet template build NAME "
            + "--dockerfile FILE' once, and name it in 'snapshotId'",
        "dockerCredentials": "registries' logins at create ('dockerCredentials'); 'martlet template build' takes them",
        "domains":
            "domains of one's own ('domains'); a VM's ports have names of theirs, docs/sandbox-addresses.md says which",
        "recreate": "VMs that are made again when they are lost ('recreate'); take a snapshot, and make one from it",
    ]

    private static func refuseMissing(_ members: Members) throws {
        for (name, what) in missing.sorted(by: { $0.key < $1.key }) where members.says(name) {
            throw FreestyleError.missing(what)
        }
    }
}

extension Members {
    /// Whether a member asks for anything at all.
    func says(_ name: String) -> Bool {
        switch self[name] {
        case nil, .null?, .bool(false)?: false
        case .array(let elements)?: !elements.isEmpty
        case .object(let members)?: !members.isEmpty
        case .bool, .integer, .number, .string: true
        }
    }
}
