extension Migration {
    /// Secrets of this host; their values are sealed before they come here.
    static let secrets = Migration(
        3,
        """
        CREATE TABLE secrets (
            id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            name TEXT NOT NULL,
            version INTEGER NOT NULL,
            metadata TEXT NOT NULL,
            created REAL NOT NULL,
            updated REAL NOT NULL,
            UNIQUE (owner, name)
        ) STRICT;

        CREATE TABLE secretVersions (
            secret TEXT NOT NULL REFERENCES secrets (id),
            version INTEGER NOT NULL,
            sealed BLOB NOT NULL,
            created REAL NOT NULL,
            PRIMARY KEY (secret, version)
        ) STRICT;
        """
    )
}
