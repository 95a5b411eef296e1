import Access
import FoundationEssentials
import Records
import Synchronization
import Wire

/// The records of all machines that were made or changed by this API.
///
/// This process is the only writer, so it holds them in memory too; a change is in the file before anybody is told of it.
final class VMRecords: Sendable {
    private struct State {
        var byID: [String: VMRecord] = [:]
        /// Slugs of machines that are being made.
        var reserved: [Reservation] = []
    }

    private struct Reservation: Hashable {
        let owner: Owner
        let slug: String
        let isSnapshot: Bool
    }

    private let database: Database
    private let state: Mutex<State>

    init(_ database: Database) async throws {
        self.database = database
        let texts = try await database.read { connection in
            try connection.query("SELECT record FROM freestyleVMs") { try $0.text("record") }
        }
        let records = try texts.map { try JSONValue(parsing: $0).decode(VMRecord.self) }
        state = Mutex(State(byID: Dictionary(records.map { ($0.id, $0) }, uniquingKeysWith: { $1 })))
    }

    subscript(id: String) -> VMRecord? { state.withLock { $0.byID[id] } }

    /// The machine that is called so; ids go before slugs.
    func id(of slug: String, _ caller: Caller) -> String? {
        state.withLock { state in state.byID.values.first { $0.slug == slug && caller.sees($0.owner) }?.id }
    }

    // MARK: Changing

    /// Keeps a slug for a machine while `make` makes it.
    ///
    /// - Throws: ``FreestyleError`` with status 409 when it is somebody's, unless it may be taken away.
    func reserving<Result>(
        _ slug: String?,
        of owner: Owner,
        isSnapshot: Bool = false,
        takingAway: Bool,
        _ make: () async throws -> Result
    ) async throws -> Result {
        guard let slug else { return try await make() }
        let reservation = Reservation(owner: owner, slug: slug, isSnapshot: isSnapshot)
        let isFree = state.withLock { state in
            guard !state.reserved.contains(reservation), takingAway || Self.holder(reservation, state) == nil else {
                return false
            }
            state.reserved.append(reservation)
            return true
        }
        guard isFree else { throw Self.taken(slug) }
        defer { state.withLock { $0.reserved.removeAll { $0 == reservation } } }
        return try await make()
    }

    /// Writes a record down, and takes its slug from whoever has it, if that is allowed.
    func put(_ record: VMRecord, takingSlugAway: Bool = false) async throws {
        let previous = state.withLock { state in
            record.slug.flatMap { slug in
                Self.holder(Reservation(owner: record.owner, slug: slug, isSnapshot: record.isSnapshot), state)
            }
        }
        var loser = previous?.id == record.id ? nil : previous
        if let slug = record.slug, loser != nil, !takingSlugAway { throw Self.taken(slug) }
        loser?.slug = nil
        let changed = [loser, record].compactMap { $0 }
        let texts = try changed.map { try JSONValue(encoding: $0).text() }
        try await database.transaction { connection in
            for (record, text) in zip(changed, texts) {
                _ = try connection.execute(
                    """
                    INSERT INTO freestyleVMs (id, owner, slug, record) VALUES (?, ?, ?, ?)
                        ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, record = excluded.record
                    """,
                    record.id,
                    record.owner.rawValue,
                    record.slugKey,
                    text
                )
            }
        }
        state.withLock { state in for record in changed { state.byID[record.id] = record } }
    }

    /// Forgets machines that are no more.
    func forget(_ ids: Set<String>) async throws {
        if ids.isEmpty { return }
        try await database.transaction { connection in
            for id in ids { _ = try connection.execute("DELETE FROM freestyleVMs WHERE id = ?", id) }
        }
        state.withLock { state in for id in ids { state.byID[id] = nil } }
    }

    /// Of whom there are records.
    var ids: Set<String> { state.withLock { Set($0.byID.keys) } }

    private static func holder(_ name: Reservation, _ state: State) -> VMRecord? {
        state.byID.values.first { $0.slug == name.slug && $0.owner == name.owner && $0.isSnapshot == name.isSnapshot }
    }

    private static func taken(_ slug: String) -> FreestyleError {
        .conflict("The slug '\(slug)' is taken; 'reassignSlug' takes it over")
    }
}

extension VMRecord {
    /// Its slug among all of its owner: machines and snapshots have slugs of their own.
    fileprivate var slugKey: String? { slug.map { isSnapshot ? "snapshot/\($0)" : $0 } }
}
