import Access
import FoundationEssentials
import Sandboxes
import Wire

/// What a create asks of a machine, once nothing of it has to be refused.
struct VMWishes: Sendable {
    /// What a machine is made from when nobody said it.
    static let defaultSnapshot = "base"

    private(set) var sandbox: NewSandbox
    /// What it is made from, as it was asked for.
    let snapshot: String
    /// The machine that was put aside under that name; nil for a template.
    let source: VM?
    let slug: String?
    let takesSlugAway: Bool
    private let displayName: String?
    private let metadata: [String: String]
    private let limits: VMLimits

    /// - Parameter snapshot: what it is made from, where another place than `snapshotId` says so.
    init(_ members: Members, _ caller: Caller, _ machines: VirtualMachines, snapshot named: String? = nil) throws {
        snapshot = try named ?? members.string("snapshotId") ?? Self.defaultSnapshot
        slug = try members.string("slug").map(Slug.checked)
        takesSlugAway = try members.bool("reassignSlug") ?? false
        displayName = try members.string("displayName").map { try Self.checked(displayName: $0) }
        var limits = VMLimits()
        try limits.change(members)
        self.limits = limits
        metadata = try VMRecord.checked(try members.texts("metadata") ?? [:])
        source = try? machines.snapshot(snapshot, caller)
        sandbox = NewSandbox(
            template: try source?.sandbox.template.name ?? Self.template(snapshot, machines.sandboxes.templates),
            metadata: metadata,
            lifetime: limits.ttl.map { .seconds($0) }
        )
        sandbox.owner = caller.owner
        sandbox.keyID = caller.key?.id
    }

    /// The template that a snapshot's name stands for. What is public there is Debian here: `freestyle/ubuntu` and its sizes
    /// are the template `base`.
    private static func template(_ snapshot: String, _ templates: TemplateStore) throws -> String {
        let name = snapshot.hasPrefix("freestyle/") ? defaultSnapshot : snapshot
        do { return try templates.template(name).manifest.name } catch let error as SandboxError
            where error.code == .templateNotFound
        { throw FreestyleError.notFound("There is no snapshot '\(snapshot)': \(error.message)") }
    }

    static func checked(displayName: String) throws -> String {
        guard displayName.count <= 255, !displayName.unicodeScalars.contains(where: { $0.value < 0x20 }) else {
            throw FreestyleError.badRequest("'displayName' must be at most 255 characters on one line")
        }
        return displayName
    }

    @Sendable func record(of sandbox: SandboxRecord) -> VMRecord {
        var record = VMRecord(sandbox)
        record.slug = slug
        record.displayName = displayName
        record.snapshot = snapshot
        record.metadata = metadata
        record.limits = limits
        return record
    }

    var record: @Sendable (SandboxRecord) -> VMRecord { { record(of: $0) } }

    /// The template whose size the machine will have.
    func template(_ machines: VirtualMachines) throws -> TemplateManifest {
        if let source { return source.sandbox.template }
        return try machines.sandboxes.templates.template(sandbox.template).manifest
    }

    // MARK: What is not there

    func refuseMissing(_ members: Members) throws {
        if let networks = try members.objects("networks") ?? members.objects("vpcs"), !networks.isEmpty {
            throw FreestyleError.missing(VMEndpoints.networks)
        }
        if let rules = try members.object("tls")?.objects("rules"), !rules.isEmpty {
            throw FreestyleError.missing(FreestyleError.tlsRules)
        }
    }
}
