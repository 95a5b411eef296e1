import HTTP
import Wire

/// A request that the scripted model got, and what it does about it.
package struct Played: Sendable, CustomStringConvertible {
    package enum Act: Sendable, Hashable {
        case step(Int, conversation: String)
        case fault(step: Int, conversation: String)
        case title
        case tokenCount
        case hello
        /// A request that the script has no answer to, and why.
        case refused(Int, String)
    }

    static let agentHeader = "X-Claude-Code-Agent-Id"
    private static let sessionHeader = "X-Claude-Code-Session-Id"

    package let request: RequestHead
    package let act: Act
    /// Tells concurrent agents apart; empty for a client that names no session.
    package let session: String
    /// The subagent's id, if a subagent asks.
    package let agent: String?
    package let isStreaming: Bool
    /// All that was asked, where it is a message.
    package let body: JSONValue?

    init(_ head: RequestHead, _ act: Act, _ request: ModelRequest?) {
        self.request = head
        self.act = act
        session = Self.session(head, request)
        agent = head.headers[Self.agentHeader]
        isStreaming = request?.isStreaming ?? false
        body = request?.body
    }

    static func session(_ head: RequestHead, _ request: ModelRequest?) -> String {
        head.headers[sessionHeader] ?? request?.userID ?? ""
    }

    /// One line for people.
    package var description: String {
        let who = session.isEmpty ? "" : "\(session.prefix(8))\(agent.map { " agent \($0.prefix(8))" } ?? ""): "
        return who
            + {
                switch act {
                case .step(let index, let conversation): "step \(index) of \(conversation)"
                case .fault(let index, let conversation): "fault of step \(index) of \(conversation)"
                case .title: "title"
                case .tokenCount: "token count"
                case .hello: "hello"
                case .refused(let status, let message): "refused with \(status): \(message)"
                }
            }()
    }
}
