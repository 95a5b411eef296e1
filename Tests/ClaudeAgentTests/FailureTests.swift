import Linux
import Synchronization
import Testing
import Wire

@testable import ClaudeAgent

@Suite struct `a run that goes wrong` {
    @Test func `is a failure when the output is cut, although the exit status is 0`() async throws {
        let program = try FakeProgram { program in
            try await program.begin()
            try await program.write(Array(#"{"type":"result","subtype":"succ"#.utf8))
        }
        let (_, error) = await query("Go", options: program.options).all()
        #expect(error?.code == .outputCut)
        #expect(error?.exit == .exited(0))
    }

    @Test func `is a failure without a result, although the exit status is 0`() async throws {
        let program = try FakeProgram { program in
            try await program.begin()
            try await program.say(["type": "assistant", "message": ["content": "I did it"]])
        }
        let (messages, error) = await query("Go", options: program.options).all()
        #expect(messages.count == 1)
        #expect(error?.code == .noResult)
        #expect(error?.lastLines.last?.contains("I did it") == true)
    }

    @Test func `is a failure when the program dies behind a result that was good`() async throws {
        let program = try FakeProgram { program in
            try await program.result("fine", to: try await program.begin())
            program.exit(.signalled(9))
        }
        let (messages, error) = await query("Go", options: program.options).all()
        #expect(messages.results == ["fine"])
        #expect(error?.code == .exited && error?.exit == .signalled(9))
        #expect(error?.result?.text == "fine")
    }

    @Test func `is none when a result explains the exit status`() async throws {
        let program = try FakeProgram { program in
            try await program.result("at the limit", to: try await program.begin(), isError: true)
            program.exit(.exited(1))
        }
        let result = try await query("Go", options: program.options).result()
        #expect(result.isError && !result.isSuccess && result.text == "at the limit")
    }

    @Test func `says what the program said when it does not start`() async throws {
        let program = try FakeProgram { program in
            _ = try await program.next()
            try await program.complain("No conversation found with session ID: x\n")
            program.exit(.exited(1))
        }
        let (_, error) = await query("Go", options: program.options).all()
        #expect(error?.code == .exited)
        #expect(error?.errorText == "No conversation found with session ID: x")
        #expect(error.map { "\($0)" }?.contains("No conversation found") == true)
    }

    @Test func `does not wait for a program that never answers`() async throws {
        let program = try FakeProgram { program in while try await program.next() != nil {} }
        var options = program.options
        options.limits.startup = .milliseconds(30)
        #expect(await query("Go", options: options).all().error?.code == .startupTimedOut)
    }

    @Test func `ends a program that falls silent, by force if it must`() async throws {
        let program = try FakeProgram { program in
            try await program.begin()
            // Neither the end of its input nor SIGTERM impresses it.
            try await Latch<Void>().value()
        }
        var options = program.options
        options.limits.silence = .milliseconds(30)
        options.limits.closing = .milliseconds(30)
        let (_, error) = await query("Go", options: options).all()
        #expect(error?.code == .silent)
        #expect(program.signals == [.terminate, .kill])
    }

    @Test func `ends a program that does not end behind its last result`() async throws {
        let program = try FakeProgram { program in
            try await program.result("done", to: try await program.begin())
            try await program.waitForTermination()
        }
        var options = program.options
        options.limits.ending = .milliseconds(30)
        options.limits.closing = .milliseconds(50)
        #expect(try await query("Go", options: options).result().text == "done")
        #expect(program.signals.first == .terminate)
    }

    @Test func `does not wait for an output that outlives its program`() async throws {
        let program = try FakeProgram { program in
            try await program.result("done", to: try await program.begin())
            program.exit(.exited(0), closingOutput: false)
        }
        var options = program.options
        // Time enough to read what was written before.
        options.limits.closing = .milliseconds(500)
        #expect(try await query("Go", options: options).result().text == "done")
    }

    @Test func `does not wait for ever for a task in the background`() async throws {
        let program = try FakeProgram { program in
            let prompt = try await program.begin()
            try await program.say([
                "type": "system", "subtype": "task_started", "task_id": "t", "task_type": "local_agent",
            ])
            try await program.result("so far", to: prompt)
            #expect(try await program.next() == nil)
        }
        var options = program.options
        options.limits.afterResult = .milliseconds(30)
        #expect(try await query("Go", options: options).result().text == "so far")
    }

    @Test func `refuses a line that is too long`() async throws {
        let program = try FakeProgram { program in
            try await program.begin()
            for _ in 0..<100 { try await program.write([UInt8](repeating: 0x61, count: 65_536)) }
        }
        var options = program.options
        options.limits.line = 1_000_000
        #expect(await query("Go", options: options).all().error?.code == .lineTooLong)
    }

    @Test func `refuses to keep what nobody takes`() async throws {
        let program = try FakeProgram { program in
            try await program.begin()
            while true {
                try await program.say(["type": "noise", "text": .string(String(repeating: "x", count: 100_000))])
            }
        }
        var options = program.options
        options.limits.unread = 1_000_000
        let session = try await AgentSession.open(options)
        try await session.send("Go")
        let error = await #expect(throws: AgentError.self) { try await session.finish() }
        #expect(error?.code == .tooMuchUnread)
        // What came before is still there.
        var count = 0
        await #expect(throws: AgentError.self) { for try await _ in session.messages { count += 1 } }
        #expect(count == 9)
    }

    @Test func `waits for whoever takes slowly what is kept elsewhere`() async throws {
        let count = 40
        let program = try FakeProgram(keepsOutput: true) { program in
            let prompt = try await program.begin()
            for number in 0..<count {
                let text = String(repeating: "x", count: 100_000)
                try await program.say(["type": "noise", "number": .integer(Int64(number)), "text": .string(text)])
            }
            try await program.result("done", to: prompt)
            program.exit(.exited(0))
        }
        var options = program.options
        options.limits.unread = 1_000_000
        let closing = Duration.milliseconds(300)
        options.limits.closing = closing
        let session = try await AgentSession.open(options)
        try await session.send("Go")
        session.endWhenSettled()
        // It has written what there is room for, here and in its pipe, and stands still.
        try await retrying(every: .milliseconds(5), for: .seconds(60)) {
            session.engine.state.withLock { $0.isHeldUp } ? () : nil
        }
        // That it has ended may be known before all that it has written was read.
        program.exit(.exited(0), closingOutput: false)
        try await retrying(every: .milliseconds(5), for: .seconds(60)) {
            ContinuousClock.now - session.engine.state.withLock { $0.quietSince } > closing * 3
                ? () : nil
        }
        var numbers: [Int64] = []
        for try await message in session.messages {
            if let number = message.raw["number"]?.integer { numbers.append(number) }
        }
        #expect(numbers == (0..<Int64(count)).map { $0 })
    }

    @Test func `of whom nobody takes the answers is held up, and ends when it is given up`() async throws {
        let program = try FakeProgram(keepsOutput: true) { program in
            try await program.begin()
            for number in 0... {
                try await program.say([
                    "type": "control_request", "request_id": .string("r\(number)"),
                    "request": ["subtype": "can_use_tool", "tool_name": .string(String(repeating: "x", count: 5000))],
                ])
            }
        }
        let session = try await AgentSession.open(program.options)
        try await session.send("Go")
        try await retrying(every: .milliseconds(5), for: .seconds(60)) {
            session.engine.state.withLock { $0.isHeldUp } ? () : nil
        }
        await session.abandon()
        await #expect(throws: AgentError.self) { try await session.send("Again") }
    }

    @Test func `takes a line of 64 MiB`() async throws {
        let program = try FakeProgram { program in
            let prompt = try await program.begin()
            try await program.write(Array(#"{"type":"huge","text":""#.utf8))
            let piece = [UInt8](repeating: 0x78, count: 1024 * 1024)
            for _ in 0..<64 { try await program.write(piece) }
            try await program.write(Array("\"}\n".utf8))
            try await program.result("done", to: prompt)
        }
        let (messages, error) = await query("Go", options: program.options).all()
        #expect(error == nil)
        #expect(messages.first?.raw["text"]?.string?.utf8.count == 64 * 1024 * 1024)
        #expect(messages.results == ["done"])
    }

    @Test func `understands a line with bytes that are no text, and answers one`() async throws {
        let answered = Latch<JSONValue?>()
        let program = try FakeProgram { program in
            _ = try await program.begin()
            let noText: [UInt8] = [0x61, 0xFF, 0xC3, 0x28, 0xE2, 0x82, 0x62]
            try await program.write([0x00, 0xFE, 0x0A])
            try await program.write(Array(#"{"type":"odd","text":""#.utf8) + noText + Array("\"}\n".utf8))
            let request = #"{"type":"control_request","request_id":"r1","request":{"subtype":"can_use_tool","#
            let tool = #""tool_name":"Bash","tool_use_id":"t1","input":{"command":""#
            try await program.write(Array((request + tool).utf8) + noText + Array("\"}}}\n".utf8))
            answered.set(try await program.next())
            let result = #"{"type":"result","subtype":"success","is_error":false,"session_id":"s","result":""#
            try await program.write(Array(result.utf8) + noText + Array("\"}\n".utf8))
        }
        var options = program.options
        options.canUseTool = { $0.input["command"] == "a\u{FFFD}\u{FFFD}(\u{FFFD}b" ? .allow() : .deny("unknown") }
        let (messages, error) = await query("Go", options: options).all()
        #expect(error == nil)
        #expect(messages.first?.raw == "\0\u{FFFD}")
        #expect(messages.dropFirst().first?.raw["text"] == "a\u{FFFD}\u{FFFD}(\u{FFFD}b")
        #expect(messages.results == ["a\u{FFFD}\u{FFFD}(\u{FFFD}b"])
        #expect(try await answered.value()?["response"]?["response"]?["behavior"] == "allow")
    }

    @Test func `ends its program when its task is cancelled`() async throws {
        let ended = Latch<Void>()
        let asked = Latch<Void>()
        let program = try FakeProgram { program in
            try await program.begin()
            asked.set(())
            while try await program.next() != nil {}
            ended.set(())
        }
        let task = Task { try await query("Go", options: program.options).result() }
        try await asked.value()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try await ended.value()
    }

    @Test func `ends its program when its loop is left`() async throws {
        let ended = Latch<Void>()
        let program = try FakeProgram { program in
            try await program.begin()
            try await program.say(["type": "hello"])
            while try await program.next() != nil {}
            ended.set(())
        }
        for try await _ in query("Go", options: program.options) { break }
        try await withDeadline(.seconds(60)) { try await ended.value() }
    }
}
