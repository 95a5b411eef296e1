import Wire

/// What the agent is asked to do.
///
/// A text that begins with the name of a command, such as `/cost`, is taken for the command.
public struct AgentPrompt: Sendable, Hashable, ExpressibleByStringInterpolation {
    /// A text, or blocks as the model's API has them.
    public var content: JSONValue

    public init(_ text: String) {
        content = .string(text)
    }

    /// Several texts, which stay apart.
    public init(texts: [String]) {
        self.init(blocks: texts.map { ["type": "text", "text": .string($0)] })
    }

    /// Blocks as the model's API has them: texts, images, documents.
    public init(blocks: [JSONValue]) {
        content = .array(blocks)
    }

    public init(stringLiteral text: String) { self.init(text) }
}
