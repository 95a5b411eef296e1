extension Migration {
    /// Builds of templates that clients asked for, and whose the names are.
    static let templates = Migration(
        8,
        """
        CREATE TABLE templateBuilds (
            id TEXT PRIMARY KEY,
            template TEXT NOT NULL,
            created REAL NOT NULL,
            record TEXT NOT NULL
        ) STRICT;
        CREATE INDEX templateBuilds_by_template ON templateBuilds (template, created);

        CREATE TABLE templateOwners (
            template TEXT PRIMARY KEY,
            owner TEXT NOT NULL
        ) STRICT;
        """
    )
}
