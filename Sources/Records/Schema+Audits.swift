extension Migration {
    /// Where the audit logs of sandboxes end, kept apart from their files: lines that were cut off are missed by it.
    static let audits = Migration(
        10,
        """
        CREATE TABLE audits (
            sandbox TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            number INTEGER NOT NULL,
            hash TEXT NOT NULL,
            ended REAL NOT NULL
        ) STRICT;
        """
    )
}
