import ClaudeAgent
import Testing
import Wire

@testable import Runs

@Suite struct `a transcript of an agent` {
    /// The notes and the transcript that these lines make.
    private func read(_ lines: [String]) throws -> (AgentTranscript, [AgentTranscript.Note]) {
        var transcript = AgentTranscript()
        var notes: [AgentTranscript.Note] = []
        for line in lines {
            let message = AgentMessage(try JSONValue(parsing: line))
            transcript.add(message)
            notes += AgentTranscript.notes(on: message)
        }
        return (transcript, notes)
    }

    private static let start = #"""
        {"type":"system","subtype":"init","cwd":"/w","session_id":"3a059300-0001","tools":["Bash"],
         "mcp_servers":[{"name":"martlet","status":"connected"},{"name":"other","status":"failed"}],
         "model":"claude-opus-5-5","permissionMode":"bypassPermissions","apiKeySource":"ANTHROPIC_API_KEY"}
        """#
    private static let end = #"""
        {"type":"result","subtype":"success","is_error":false,"num_turns":5,"result":"Analysis complete.",
         "stop_reason":"end_turn","terminal_reason":"completed","session_id":"3a059300-0001","total_cost_usd":0.004,
         "api_error_status":null,"permission_denials":[{"tool_name":"Edit","tool_use_id":"t","tool_input":{}}],
         "usage":{"input_tokens":500,"output_tokens":100},"uuid":"u"}
        """#

    private static func answer(_ id: String, _ block: String, model: String = "claude-opus-5-5") -> String {
        #"{"type":"assistant","message":{"id":"\#(id)","model":"\#(model)","content":[\#(block)]},"session_id":"s"}"#
    }

    private static func call(_ name: String, _ input: String) -> String {
        #"{"type":"tool_use","id":"t1","name":"\#(name)","input":\#(input)}"#
    }

    @Test func `knows session, model, servers, and how it ended`() throws {
        let (transcript, notes) = try read([Self.start, Self.answer("m1", #"{"type":"text","text":"Hi"}"#), Self.end])
        #expect(transcript.sessionID == "3a059300-0001")
        #expect(transcript.model == "claude-opus-5-5")
        #expect(transcript.failedServers == ["other"])
        #expect(transcript.ending?.text == "Analysis complete.")
        #expect(transcript.ending?.stopReason == "end_turn")
        #expect(transcript.sessionCostUSD == 0.004)
        #expect(transcript.permissionDenials.first?["tool_name"] == "Edit")
        #expect(notes.isEmpty)
    }

    @Test func `counts an answer once, however many events it comes in`() throws {
        let (transcript, notes) = try read([
            Self.answer("m1", #"{"type":"text","text":"Hi"}"#),
            Self.answer("m1", Self.call("Bash", #"{"command":"ls"}"#)),
            Self.answer("m1", Self.call("Read", #"{"file_path":"/a"}"#)),
            Self.answer("m2", Self.call("Bash", #"{"command":"pwd\nls"}"#)),
        ])
        #expect(transcript.turns == 2)
        #expect(transcript.toolCalls == ["Bash": 2, "Read": 1])
        #expect(
            notes == [
                .tool(name: "Bash", detail: "ls"), .tool(name: "Read", detail: "/a"),
                .tool(name: "Bash", detail: "pwd"),
            ]
        )
    }

    @Test func `does not take the agent's own words about a failure for an answer`() throws {
        let (transcript, _) = try read([
            Self.answer("m1", #"{"type":"text","text":"API Error"}"#, model: "<synthetic>"),
            #"{"type":"result","subtype":"success","is_error":true,"api_error_status":529,"terminal_reason":"api_error","result":"Overloaded","session_id":"s","total_cost_usd":0}"#,
        ])
        #expect(transcript.turns == 0)
        #expect(transcript.ending?.apiErrorStatus == 529)
        #expect(transcript.ending?.isError == true)
    }

    @Test func `takes the last of several results`() throws {
        let second = Self.end.replacing("Analysis complete.", with: "Really complete.").replacing(
            "0.004",
            with: "0.006"
        )
        let (transcript, _) = try read([Self.start, Self.end, Self.start, second])
        #expect(transcript.ending?.text == "Really complete.")
        #expect(transcript.sessionCostUSD == 0.006)
    }

    @Test func `has no ending when a round was cut, even after an earlier round had one`() throws {
        var (transcript, _) = try read([Self.start, Self.end])
        transcript.beginRound()
        #expect(transcript.ending == nil)
        #expect(transcript.sessionID == "3a059300-0001")
    }

    @Test func `tells of retries`() throws {
        let (_, notes) = try read([
            #"{"type":"system","subtype":"api_retry","attempt":1,"max_retries":10,"retry_delay_ms":604,"error_status":529,"error":"overloaded"}"#,
            #"{"type":"system","subtype":"api_retry","attempt":2,"error_status":500}"#,
        ])
        let texts = notes.compactMap { if case .retry(let text) = $0 { text } else { nil } }
        #expect(texts.count == 2)
        #expect(texts[0].contains("overloaded") && texts[0].contains("attempt 1"))
        #expect(texts[1].contains("500") && texts[1].contains("attempt 2"))
    }

    @Test(arguments: [
        "{}", "[]", "3", "null", #"{"type":"assistant"}"#, #"{"type":"assistant","message":{"content":"text"}}"#,
        #"{"type":"assistant","message":{"id":5,"content":[{"type":"tool_use"}]}}"#, #"{"type":"result"}"#,
        #"{"type":"system"}"#, #"{"type":"stream_event","event":{}}"#, #"{"type":"user","message":{"content":[]}}"#,
    ])
    func `survives events that it does not know`(line: String) throws {
        _ = try read([line])
    }

    @Test func `shortens what a tool was called with to one line`() throws {
        let long = String(repeating: "x", count: 5000)
        let (_, notes) = try read([Self.answer("m", Self.call("Odd", #"{"value":"\#(long)"}"#))])
        guard case .tool("Odd", let detail)? = notes.first else {
            Issue.record("no note")
            return
        }
        #expect(detail.count <= 200)
    }
}
