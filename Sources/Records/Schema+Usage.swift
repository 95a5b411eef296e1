extension Migration {
    /// What every model request came to.
    static let usage = Migration(
        4,
        """
        CREATE TABLE usage (
            id INTEGER PRIMARY KEY,
            at REAL NOT NULL,
            sandbox TEXT NOT NULL,
            run TEXT,
            key TEXT,
            model TEXT,
            input INTEGER NOT NULL,
            output INTEGER NOT NULL,
            cacheRead INTEGER NOT NULL,
            cacheCreation INTEGER NOT NULL,
            cacheCreationHour INTEGER NOT NULL,
            webSearches INTEGER NOT NULL,
            nanodollars INTEGER,
            basis TEXT NOT NULL
        ) STRICT;
        CREATE INDEX usageByTime ON usage (at);
        CREATE INDEX usageByRun ON usage (run);
        """
    )
}
