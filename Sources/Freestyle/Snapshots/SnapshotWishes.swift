import Wire

/// What is asked of a snapshot.
struct SnapshotWishes: Sendable, Hashable {
    let slug: String?
    let displayName: String?
    let limits: VMLimits

    init(_ members: Members) throws {
        slug = try members.string("slug").map(Slug.checked)
        // The first version calls it so.
        displayName = try (members.string("displayName") ?? members.string("name")).map { name in
            try VMWishes.checked(displayName: name)
        }
        var limits = VMLimits()
        limits.autoDelete = try members.integer("autoDeleteSeconds", in: 1...VMLimits.longest)
        limits.ttl = try members.integer("ttlSeconds", in: 1...VMLimits.longest)
        self.limits = limits
    }
}
