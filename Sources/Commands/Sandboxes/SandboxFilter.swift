import Arguments
import Wire

/// Which of all sandboxes a line means.
package struct SandboxFilter: Sendable {
    package var states: Set<SandboxState> = Set(SandboxState.allCases)
    /// All of it must be noted about a sandbox.
    package var metadata: [String: String] = [:]

    package init(states: Set<SandboxState> = Set(SandboxState.allCases), metadata: [String: String] = [:]) {
        self.states = states
        self.metadata = metadata
    }

    static let options: [Option] = [
        .value(
            "--state",
            "STATES",
            short: "s",
            "Only those that are running, paused, or with a comma either",
            default: .described("all"),
            completion: .values(SandboxState.allCases.map(\.rawValue))
        ),
        .repeated("--metadata", "NAME=VALUE,…", short: "m", "Only those about which all of this is noted"),
    ]

    init(_ invocation: Invocation) throws {
        if let words = invocation.value("--state") {
            let names = words.split(separator: ",").map(String.init)
            states = Set(names.compactMap(SandboxState.init))
            guard !names.isEmpty, names.allSatisfy({ SandboxState(rawValue: $0) != nil }) else {
                throw invocation.invalid("--state", expected: "running, paused or running,paused")
            }
        }
        for word in invocation.values("--metadata") { metadata.merge(try Self.pairs(word)) { _, later in later } }
    }

    package func includes(_ sandbox: SandboxInfo) -> Bool {
        states.contains(sandbox.state ?? .running) && metadata.allSatisfy { sandbox.metadata[$0] == $1 }
    }

    /// `a=1,b=2`; a comma before anything but a name is a part of the value.
    package static func pairs(_ word: String) throws(CommandsError) -> [String: String] {
        var pairs: [(name: String, value: String)] = []
        for part in word.split(separator: ",", omittingEmptySubsequences: false) {
            if let equals = part.firstIndex(of: "="), equals > part.startIndex {
                pairs.append((String(part[..<equals]), String(part[part.index(after: equals)...])))
            } else if !pairs.isEmpty {
                pairs[pairs.count - 1].value += ",\(part)"
            } else {
                throw CommandsError(.unusableInput, "'--metadata \(word)' must be written NAME=VALUE")
            }
        }
        return Dictionary(pairs.map { ($0.name, $0.value) }) { _, later in later }
    }
}
