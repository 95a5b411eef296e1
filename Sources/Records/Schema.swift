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
        ),
        Migration(
            2,
            """
            -- Nothing was ever written to it.
            DROP TABLE keys;
            CREATE TABLE keys (
                id TEXT PRIMARY KEY,
                hash BLOB NOT NULL UNIQUE,
                owner TEXT NOT NULL,
                name TEXT NOT NULL,
                beginning TEXT NOT NULL,
                ending TEXT NOT NULL,
                created REAL NOT NULL,
                lastUsed REAL,
                isInstallations INTEGER NOT NULL
            ) STRICT;

            -- What was answered to requests with an idempotency key; no status means that the outcome is not known.
            CREATE TABLE answers (
                owner TEXT NOT NULL,
                key TEXT NOT NULL,
                request BLOB NOT NULL,
                started REAL NOT NULL,
                status INTEGER,
                body BLOB,
                PRIMARY KEY (owner, key)
            ) STRICT;
            CREATE INDEX answers_by_time ON answers (started);
            """
        ),
        .secrets,
        .usage,
        .volumes,
        .budgets,
        .freestyle,
        .templates,
        .snapshots,
        .audits,
    ]
}
