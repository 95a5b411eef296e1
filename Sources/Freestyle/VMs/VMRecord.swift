import Access
import FoundationEssentials
import Sandboxes

/// What Freestyle's API knows of a machine beyond the sandbox that it is.
///
/// Written when it is made or changed, forgotten when the sandbox is no more. A sandbox that was made another way has one only
/// once it is changed this way.
struct VMRecord: Codable, Sendable, Hashable {
    var id: String
    var owner: Owner
    var slug: String?
    var displayName: String?
    /// What it was made from, as it was asked for.
    var snapshot: String
    var metadata: [String: String]
    var limits = VMLimits()
    /// The machine that this one was put aside from, to make others from: then it is a snapshot, which rests and is none of the
    /// machines.
    var source: String?
    /// Whether it was stopped: it rests without programs, and its services are to be started with it.
    var isStopped: Bool?
    /// Where its commands begin; nil is the home of whoever they are for.
    var workingDirectory: String?
    /// The port that its name stands for in the first version; nil is 3000.
    var targetPort: Int64?
    /// How long it has run in all, up to when it was paused last.
    var pastRunSeconds: Double?
    /// Since when it runs; nil since its creation.
    var runningSince: Date?
    var created: Date
    var updated: Date

    /// Of a sandbox that was made another way.
    init(_ sandbox: SandboxRecord) {
        id = sandbox.id
        owner = sandbox.owner
        snapshot = sandbox.template
        metadata = sandbox.metadata
        created = sandbox.created
        updated = sandbox.created
    }

    /// How long it has run in all.
    func runSeconds(at now: Date, isRunning: Bool) -> Double {
        (pastRunSeconds ?? 0) + (isRunning ? currentRunSeconds(at: now) : 0)
    }

    /// How long the run of now lasts.
    func currentRunSeconds(at now: Date) -> Double { max(0, now.timeIntervalSince(runningSince ?? created)) }

    var isSnapshot: Bool { source != nil }

    static let metadataEntries = 64
    static let metadataLength = 63

    /// - Throws: ``FreestyleError`` with status 400 for more, or longer ones, than a machine can have.
    static func checked(_ metadata: [String: String]) throws -> [String: String] {
        guard metadata.count <= metadataEntries else {
            throw FreestyleError.badRequest("'metadata' must have at most \(metadataEntries) entries")
        }
        for (name, value) in metadata
        where name.isEmpty || name.utf8.count > metadataLength || value.utf8.count > metadataLength {
            throw FreestyleError.badRequest(
                "'metadata.\(name)' must have a name and a value of at most \(metadataLength) characters"
            )
        }
        return metadata
    }
}
