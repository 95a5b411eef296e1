import Wire

/// Sessions with a program that somebody else has started and told who is there, and that may outlive them.
extension AgentSession {
    /// Speaks with such a program. What it has said before comes first.
    ///
    /// End it with ``abandon()``, or by ``endWhenSettled()`` and the end of ``messages``; never by leaving it alone.
    package static func joining(_ process: any AgentProcess, _ options: AgentOptions) -> AgentSession {
        let engine = AgentEngine(process, options)
        engine.start()
        return AgentSession(engine, information: [:])
    }

    /// Makes several requests of the same kind at once and waits until all are answered.
    package func request(_ subtype: String, each members: [[String: JSONValue]]) async throws {
        _ = try await engine.request(members.map { (subtype, $0) }, limit: engine.options.limits.request)
    }

    /// Forgets the messages that nobody took.
    package func forgetUnread() {
        engine.queue.forget()
    }

    /// Has the program end when all that comes of its prompts is over; ``messages`` ends then.
    package func endWhenSettled() {
        engine.endWhenSettled()
    }

    /// Gives the program up at once; returns when that is done. Whether that ends it is its transport's to say.
    package func abandon() async {
        await engine.abandon()
    }
}
