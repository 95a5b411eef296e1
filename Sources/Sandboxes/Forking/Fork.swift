import Wire

/// How a sandbox is to be forked.
package struct ForkRequest: Sendable {
    /// How many may be made at once.
    package static let counts = 1...100

    package var count: Int
    /// How long each child may live; nil means until it is killed.
    package var lifetime: Duration?

    package init(count: Int = 1, lifetime: Duration? = nil) {
        self.count = count
        self.lifetime = lifetime
    }
}

/// What came of forking a sandbox.
package struct Fork: Sendable {
    /// One for each child that was asked for, in order; each was made or failed by itself.
    package let children: [Result<Sandbox, any Error>]
    /// For how long the parent's machine stood still.
    package let pause: Duration
    /// For how long its processes did, that included.
    package let hold: Duration

    package var sandboxes: [Sandbox] { children.compactMap { try? $0.get() } }
}
