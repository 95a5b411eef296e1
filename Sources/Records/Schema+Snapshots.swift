extension Migration {
    /// Snapshots that were made by name; their files are in directories of the same ids.
    ///
    /// The token opens the guest that is in them, and nothing that runs: whoever goes on from it is given another.
    static let snapshots = Migration(
        9,
        """
        CREATE TABLE snapshots (
            id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            name TEXT,
            token TEXT NOT NULL,
            record TEXT NOT NULL,
            UNIQUE (owner, name)
        ) STRICT;
        """
    )
}
