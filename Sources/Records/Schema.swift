extension Migration {
    /// The shape of `martlet.db`, from the first version on.
    package static let all: [Migration] = [
        Migration(
            1,
            """
            CREATE TABLE sandboxes (
                id TEXT PRIMARY KEY,
                token TEXT NOT NULL,
                record TEXT NOT NULL
            ) STRICT;

            CREATE TABLE runs (
                id TEXT PRIMARY KEY,
                created REAL NOT NULL,
                outcome TEXT,
                report TEXT NOT NULL
            ) STRICT;
            CREATE INDEX runs_by_time ON runs (created);

            CREATE TABLE keys (
                hash TEXT PRIMARY KEY,
                name TEXT NOT NULL,
                created REAL NOT NULL
            ) STRICT;
            """
        )
    ]
}
