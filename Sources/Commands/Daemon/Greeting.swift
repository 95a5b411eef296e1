import Arguments

/// What `martlet serve` tells a person once it listens.
package struct Greeting: Sendable {
    /// Whether the key has just been made.
    package var isFirst: Bool
    package var key: String
    package var variables: ClientVariables

    package init(isFirst: Bool, key: String, variables: ClientVariables) {
        self.isFirst = isFirst
        self.key = key
        self.variables = variables
    }

    /// - Parameter isTerminal: whether a person reads it. Elsewhere it may be kept for long, so it has no key in it.
    package func text(isTerminal: Bool) -> String {
        guard isFirst, isTerminal else {
            return "Clients find this daemon by the variables that 'martlet env' prints.\n"
        }
        let exports = variables.text(for: .bash).split(separator: "\n").map { "    \($0)\n" }.joined()
        return """
            This is the first start, so there is a new API key:

                \(key)

            Programs that were written for E2B find this daemon by these lines, which 'martlet env' prints again:

            \(exports)

            """
    }
}
