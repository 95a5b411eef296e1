// Secrets of this host: keys and tokens that agents' work needs and agents must not have.
//
//     a value ──AES-256-GCM, bound to its secret and version──► a row in `secretVersions`
//                     ▲
//     secrets.key: 32 bytes, this user's alone, in $MARTLET_HOME
//
// Writing is for clients, reading for the gateway alone: what a client can ask for is a `StoredSecret`, which has no value.
// A copy of the records without the key file tells names and times, and nothing else.

import FoundationEssentials
import Linux
import Records
import Wire

/// All secrets of this installation.
///
/// A secret belongs to an owner, and to others it does not exist. Its name is unique among its owner's.
package final class SecretVault: Sendable {
    package static let nameLimit = 128
    package static let valueLimit = 64 * 1024
    package static let metadataLimit = 16 * 1024
    private static let pageLimit = 100

    private let database: Database
    private let cipher: SecretCipher

    package init(_ database: Database, key: SecretKey) {
        self.database = database
        cipher = SecretCipher(key: key)
    }

    // MARK: For clients

    /// Stores a new secret, as its first version.
    ///
    /// - Throws: ``SecretsError`` when the owner has one of this name, or a limit is passed.
    package func add(
        _ name: String,
        _ value: Secret,
        metadata: JSONValue = [:],
        owner: String
    ) async throws -> StoredSecret {
        try Self.check(name: name)
        try Self.check(value, metadata)
        let id = "sec_" + Random.name(20)
        let sealed = try cipher.seal(value, as: "\(id)/1")
        let now = Date().timeIntervalSince1970
        return try await database.transaction { connection in
            let taken = try connection.query(
                "SELECT 1 AS one FROM secrets WHERE owner = ? AND name = ?",
                owner,
                name,
                row: { try $0.integer("one") }
            )
            guard taken.isEmpty else {
                throw SecretsError(.nameTaken, "A secret '\(name)' exists already; give it a new version instead")
            }
            try connection.execute(
                "INSERT INTO secrets (id, owner, name, version, metadata, created, updated) VALUES (?, ?, ?, 1, ?, ?, ?)",
                id,
                owner,
                name,
                metadata.text(),
                now,
                now
            )
            try connection.execute(
                "INSERT INTO secretVersions (secret, version, sealed, created) VALUES (?, 1, ?, ?)",
                id,
                sealed,
                now
            )
            return try Self.find(id, owner, connection)
        }
    }

    /// Gives a secret a new value. Earlier ones stay, for those who named their version.
    ///
    /// - Parameter metadata: nil keeps what is there.
    package func replace(
        _ id: String,
        with value: Secret,
        metadata: JSONValue? = nil,
        owner: String
    ) async throws -> StoredSecret {
        try Self.check(value, metadata ?? [:])
        return try await database.transaction { [cipher] connection in
            let present = try Self.find(id, owner, connection)
            let version = present.version + 1
            let now = Date().timeIntervalSince1970
            try connection.execute(
                "INSERT INTO secretVersions (secret, version, sealed, created) VALUES (?, ?, ?, ?)",
                id,
                version,
                try cipher.seal(value, as: "\(id)/\(version)"),
                now
            )
            try connection.execute(
                "UPDATE secrets SET version = ?, metadata = ?, updated = ? WHERE id = ?",
                version,
                (metadata ?? present.metadata).text(),
                now,
                id
            )
            return try Self.find(id, owner, connection)
        }
    }

    /// What may be told about one secret.
    package func secret(_ id: String, owner: String) async throws -> StoredSecret {
        try await database.read { connection in try Self.find(id, owner, connection) }
    }

    /// What may be told about an owner's secrets, by name.
    ///
    /// - Parameter name: the last name of the page before.
    package func list(owner: String, after name: String = "", limit: Int = pageLimit) async throws -> [StoredSecret] {
        try await database.read { connection in
            try connection.query(
                "SELECT * FROM secrets WHERE owner = ? AND name > ? ORDER BY name LIMIT ?",
                owner,
                name,
                min(max(1, limit), Self.pageLimit),
                row: { row in try StoredSecret(row) }
            )
        }
    }

    /// Removes a secret with all its versions.
    package func remove(_ id: String, owner: String) async throws {
        try await database.transaction { connection in
            _ = try Self.find(id, owner, connection)
            try connection.execute("DELETE FROM secretVersions WHERE secret = ?", id)
            try connection.execute("DELETE FROM secrets WHERE id = ?", id)
        }
    }

    // MARK: For the gateway

    /// Opens a secret by its name or id. No call of a client may lead here.
    ///
    /// - Parameter version: nil is the newest.
    package func open(_ name: String, version: Int? = nil, owner: String) async throws -> Secret {
        let row: (id: String, version: Int, sealed: [UInt8])? = try await database.read { connection in
            try connection.query(
                """
                SELECT secrets.id AS id, secretVersions.version AS version, sealed FROM secrets JOIN secretVersions
                ON secretVersions.secret = secrets.id AND secretVersions.version = ifnull(?, secrets.version)
                WHERE owner = ? AND (name = ? OR id = ?) ORDER BY name = ? DESC LIMIT 1
                """,
                version,
                owner,
                name,
                name,
                name,
                row: { row in (try row.text("id"), try row.integer("version"), try row.blob("sealed")) }
            ).first
        }
        guard let row else {
            let what = version.map { "version \($0) of a secret '\(name)'" } ?? "secret '\(name)'"
            throw SecretsError(.notFound, "There is no \(what); set one with 'martlet secret set'")
        }
        return try cipher.open(row.sealed, as: "\(row.id)/\(row.version)", name: name)
    }

    // MARK: Checks

    private static func find(_ id: String, _ owner: String, _ connection: borrowing Connection) throws -> StoredSecret {
        let found = try connection.query(
            "SELECT * FROM secrets WHERE id = ? AND owner = ?",
            id,
            owner,
            row: { row in try StoredSecret(row) }
        )
        guard let secret = found.first else { throw SecretsError(.notFound, "There is no secret '\(id)'") }
        return secret
    }

    private static func check(name: String) throws(SecretsError) {
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
            default: false
            }
        }
        guard isPlain, (1...nameLimit).contains(name.utf8.count) else {
            throw SecretsError(
                .invalid,
                "The name of a secret has 1 to \(nameLimit) letters, digits, '-', '.' and '_'"
            )
        }
    }

    private static func check(_ value: Secret, _ metadata: JSONValue) throws(SecretsError) {
        let count = value.exposed { $0.utf8.count }
        guard (1...valueLimit).contains(count) else {
            throw SecretsError(.invalid, "The value of a secret has 1 to \(valueLimit) bytes")
        }
        guard metadata.object != nil, metadata.encoded().count <= metadataLimit else {
            throw SecretsError(.invalid, "The metadata of a secret is an object of \(metadataLimit) bytes at most")
        }
    }
}
