extension Migration {
    /// What keys may spend, in dollars and tokens.
    static let budgets = Migration(
        6,
        """
        ALTER TABLE keys ADD COLUMN maxCost REAL;
        ALTER TABLE keys ADD COLUMN maxTokens INTEGER;
        ALTER TABLE keys ADD COLUMN maxCostPerDay REAL;
        ALTER TABLE keys ADD COLUMN maxTokensPerDay INTEGER;
        CREATE INDEX usageByKey ON usage (key, at);
        """
    )
}
