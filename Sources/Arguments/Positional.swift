/// An argument that is known by its place.
package struct Positional: Sendable {
    package enum Kind: Sendable, Hashable {
        case required
        case optional
        /// All words that are left; at least one if `isRequired`.
        case repeated(isRequired: Bool)
        /// The line of another program: all words that are left, options too. A `--` before them is dropped.
        case passthrough(isRequired: Bool)
    }

    /// In capitals, as the help shows it: `ID`. ``Invocation`` is asked by this name.
    package var name: String
    package var help: String
    package var kind: Kind
    package var completion: Completion

    package init(_ name: String, _ help: String, kind: Kind = .required, completion: Completion = .none) {
        self.name = name
        self.help = help
        self.kind = kind
        self.completion = completion
    }
}

extension Positional {
    var isRequired: Bool {
        switch kind {
        case .required: true
        case .optional: false
        case .repeated(let isRequired), .passthrough(let isRequired): isRequired
        }
    }

    var takesTheRest: Bool {
        switch kind {
        case .required, .optional: false
        case .repeated, .passthrough: true
        }
    }

    /// As in a usage line: `ID`, `[PROMPT]`, `FILE...`.
    var synopsis: String {
        let word = takesTheRest ? "\(name)..." : name
        return isRequired ? word : "[\(word)]"
    }
}
