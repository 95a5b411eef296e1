extension Migration {
    /// Volumes; their files are in directories of the same ids.
    static let volumes = Migration(
        5,
        """
        CREATE TABLE volumes (
            id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            name TEXT NOT NULL,
            created REAL NOT NULL,
            UNIQUE (owner, name)
        ) STRICT;
        """
    )
}
