extension Migration {
    /// What Freestyle's API knows of machines beyond the sandboxes that they are, and its firewall rules.
    static let freestyle = Migration(
        7,
        """
        CREATE TABLE freestyleVMs (
            id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            slug TEXT,
            record TEXT NOT NULL,
            UNIQUE (owner, slug)
        ) STRICT;

        CREATE TABLE freestyleRules (
            id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            record TEXT NOT NULL
        ) STRICT;
        CREATE INDEX freestyleRules_by_owner ON freestyleRules (owner);
        """
    )
}
