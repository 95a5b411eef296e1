import Wire

/// Answers what the agent asks the user, in any order; a question without an answer counts as not answered.
///
/// The same rules hold as for ``CanUseTool``.
public typealias AskUser = @Sendable ([UserQuestion]) async throws -> [UserAnswer]

/// A question of the agent to the user.
public struct UserQuestion: Sendable, Hashable {
    /// The question as it came.
    public let raw: JSONValue

    public init(raw: JSONValue) {
        self.raw = raw
    }

    /// One of the answers that the agent offers. Any other text can be an answer, too.
    public struct Option: Sendable, Hashable {
        public let label: String
        public let description: String
    }

    public var text: String { raw["question"]?.string ?? "" }
    /// The question in a word or two.
    public var header: String { raw["header"]?.string ?? "" }
    public var allowsSeveral: Bool { raw["multiSelect"]?.bool ?? false }
    public var options: [Option] {
        (raw["options"]?.array ?? []).map {
            Option(label: $0["label"]?.string ?? "", description: $0["description"]?.string ?? "")
        }
    }

    /// An answer to this question: labels of options, or words of the user's own.
    public func answer(_ labels: String...) -> UserAnswer {
        UserAnswer(question: text, labels: labels)
    }
}

/// What the user says to a question.
public struct UserAnswer: Sendable, Hashable {
    public let question: String
    public let labels: [String]

    public init(question: String, labels: [String]) {
        self.question = question
        self.labels = labels
    }

    /// A question's input with the answers, as the tool wants it back.
    static func input(_ input: JSONValue, with answers: [UserAnswer]) -> JSONValue {
        var members = input.object ?? [:]
        let pairs = answers.map { ($0.question, JSONValue.string($0.labels.joined(separator: ", "))) }
        members["answers"] = .object(Dictionary(pairs, uniquingKeysWith: { _, last in last }))
        return .object(members)
    }
}
