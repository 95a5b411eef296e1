import FoundationEssentials
import GuestLink
import HTTP
import Linux
import RPC
import Testing
import WebSockets
import Wire

@testable import GuestAgent

@Suite struct `a terminal of the guest` {
    private func shell(_ line: String, slug: String? = nil, size: TerminalSize? = nil) -> TerminalOpening {
        TerminalOpening(slug: slug, process: ProcessConfig(cmd: "/bin/sh", args: ["-c", line]), size: size)
    }

    @Test func `has the size that is asked for, takes keys, and tells how it ended`() async throws {
        try await RunningAgent.run { agent in
            let line = "stty size; read word; echo \"got $word\"; exit 7"
            let client = try await agent.terminal(shell(line, size: TerminalSize(cols: 132, rows: 43)))
            #expect(client.info?.type == "sessionInfo")
            #expect(client.info?.created == true)
            try await client.shows("43 132")
            try await client.types("pear\r")
            try await client.shows("got pear")
            try await client.hear { client.exitCode != nil }
            #expect(client.exitCode == 7)
            // Nothing comes behind it but the end.
            try await client.hear { false }
            #expect(client.socket.peersClosing?.code == .normal)
        }
    }

    @Test func `is resized, and its foreground is signalled`() async throws {
        try await RunningAgent.run { agent in
            let traps = "trap 'stty size' WINCH; trap 'echo interrupted; exit 3' INT"
            let line = "\(traps); echo ready; while :; do sleep 0.05; done"
            let client = try await agent.terminal(shell(line))
            try await client.shows("ready")
            try await client.say(.resize(TerminalSize(cols: 100, rows: 31)))
            try await client.shows("31 100")
            #expect(try await agent.link.terminals().map(\.cols) == [100])
            try await client.say(.signal("sigint"))
            try await client.shows("interrupted")
            try await client.hear { client.exitCode != nil }
            #expect(client.exitCode == 3)
        }
    }

    @Test func `outlives its sockets and shows what was on it`() async throws {
        try await RunningAgent.run { agent in
            let opening = shell("echo first; read word; echo \"got $word\"", slug: "main")
            let first = try await agent.terminal(opening)
            try await first.shows("first")
            await first.socket.close()
            let second = try await agent.terminal(opening)
            #expect(second.info?.created == false)
            #expect(second.info?.sessionId == first.info?.sessionId)
            try await second.shows("first")
            try await second.types("plum\r")
            try await second.shows("got plum")
            try await second.hear { second.exitCode != nil }
            // What has ended can still be looked at, but its slug is free.
            let id = try #require(second.info?.sessionId)
            let third = try await agent.terminal(TerminalOpening(session: "\(id)"))
            try await third.hear { false }
            #expect(third.text.contains("got plum"))
            #expect(third.exitCode == 0)
            let fourth = try await agent.terminal(opening)
            #expect(fourth.info?.created == true)
        }
    }

    @Test func `is shown to several clients at once, and to E2B's calls`() async throws {
        try await RunningAgent.run { agent in
            let line = "stty -echo; echo ready; read word; echo \"got $word\""
            let one = try await agent.terminal(shell(line, slug: "shared"))
            try await one.shows("ready")
            let other = try await agent.terminal(TerminalOpening(session: "shared"))
            let pid = try #require(other.info?.sessionId)
            #expect(try await agent.link.terminal("shared").clients == 2)
            let input = SendProcessInput.Request(
                process: ProcessSelector(tag: "shared"),
                input: ProcessInput(pty: Data("fig\r".utf8))
            )
            _ = try await agent.calls.call(SendProcessInput.self, input)
            for client in [one, other] { try await client.shows("got fig") }
            #expect(try await agent.link.terminal("\(pid)").linuxUser != nil)
        }
    }

    @Test func `is one for all who ask for its slug at once`() async throws {
        try await RunningAgent.run { agent in
            let opening = shell("read word", slug: "one")
            let infos = try await withThrowingTaskGroup(of: TerminalMessage?.self) { group in
                for _ in 0..<8 { group.addTask { try await agent.terminal(opening).info } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(infos.map { $0?.sessionId }).count == 1)
            #expect(infos.filter { $0?.created == true }.count == 1)
        }
    }

    @Test func `is listed and ended`() async throws {
        try await RunningAgent.run { agent in
            // It takes no notice of being hung up.
            let line = "trap '' HUP; echo ready; while :; do sleep 1; done"
            let client = try await agent.terminal(shell(line, slug: "deaf"))
            try await client.shows("ready")
            let listed = try #require(try await agent.link.terminals().first)
            #expect(listed.slug == "deaf")
            #expect(listed.state == .running)
            let ended = try await agent.link.endTerminal("deaf")
            #expect(ended.state == .exited)
            #expect(ended.exitCode == 137)
            try await client.hear { client.exitCode != nil }
            #expect(client.exitCode == 137)
            let error = await #expect(throws: CallError.self) { try await agent.link.endTerminal("nobody") }
            #expect(error?.code == .notFound)
        }
    }

    @Test func `waits for a client that stalls, and loses nothing`() async throws {
        try await RunningAgent.run { agent in
            let line = "stty raw -echo; head -c 8000000 /dev/zero | tr '\\0' x; printf END; read word"
            let client = try await agent.terminal(shell(line))
            // Nobody reads until the program has to wait: its own end can not be there then.
            let pid = try #require(client.info?.sessionId)
            try await EventLoop.shared.sleep(for: .milliseconds(300))
            #expect(try await agent.link.terminal("\(pid)").state == .running)
            try await client.hear { client.shown.suffix(3).elementsEqual(Array("END".utf8)) }
            #expect(client.shown.count == 8_000_003)
            #expect(client.shown.dropLast(3).allSatisfy { $0 == UInt8(ascii: "x") })
        }
    }

    @Test func `carries every byte, text or none, both ways`() async throws {
        try await RunningAgent.run { agent in
            let client = try await agent.terminal(shell("stty raw -echo; printf '>'; exec cat"))
            try await client.shows(">")
            // Also what is no UTF-8: parts of characters, overlong ones, surrogates.
            let bytes: [UInt8] =
                Array(0...255) + [0xC3, 0x28, 0xE2, 0x82, 0xF0, 0x9F, 0xC0, 0xAF, 0xED, 0xA0, 0x80, 0xFF, 0xFE]
            for byte in bytes { try await client.socket.send(.binary([byte])) }
            try await client.socket.send(.binary(bytes))
            try await client.hear { client.shown.count > 2 * bytes.count }
            #expect(client.shown.dropFirst() == (bytes + bytes)[...])
        }
    }

    @Test func `takes a storm of sizes, of which the last counts, and loses nothing`() async throws {
        try await RunningAgent.run { agent in
            let lines = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; done"
            // A signal ends a 'read', too.
            let on = "until [ \"$word\" = on ]; do read word; done"
            let line = "trap : WINCH; stty -echo; echo ready; \(lines); \(on); stty size; echo END; exec cat"
            let client = try await agent.terminal(shell(line))
            try await client.shows("ready")
            for number in 1...2000 {
                let size = TerminalSize(cols: UInt32(20 + number % 300), rows: UInt32(5 + number % 90))
                try await client.say(.resize(size))
            }
            try await client.say(.resize(TerminalSize(cols: 123, rows: 45)))
            try await client.types("on\r")
            try await client.shows("END")
            #expect(client.text.contains("45 123"))
            let all = client.text.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("line ") }
            #expect(all.elementsEqual((1...3000).map { "line \($0)" }))
            #expect(try await agent.link.terminals().map(\.cols) == [123])
        }
    }

    @Test func `answers what it can not do, and goes on`() async throws {
        try await RunningAgent.run { agent in
            let client = try await agent.terminal(shell("read word; echo \"got $word\""))
            try await client.socket.send(.text("no JSON"))
            try await client.say(.signal("SIGNOTHING"))
            try await client.say(.resize(TerminalSize(cols: 0, rows: 0)))
            try await client.hear { client.messages.count == 4 }
            #expect(client.messages.dropFirst().map(\.type) == ["error", "error", "error"])
            try await client.types("on\r")
            try await client.shows("got on")
        }
    }

    @Test(arguments: [
        ("/terminals?cols=0", 400), ("/terminals?slug=123", 400), ("/terminals?process=x", 400),
        ("/terminals/nothing", 404), ("/terminals?username=nobody-here", 401),
    ]) func `is refused before it is opened`(_ target: String, _ status: Int) async throws {
        try await RunningAgent.run { agent in
            let error = await #expect(throws: HTTPError.self) { try await agent.socket(target) }
            #expect(error?.status == status)
        }
    }

    @Test func `is kept: its program is started again in the same session, until that is ended`() async throws {
        try await RunningAgent.run { agent in
            var opening = shell("echo \"begin $$\"; read word; echo \"end $word\"; exit 4", slug: "kept")
            opening.replaceOnExit = true
            opening.size = TerminalSize(cols: 90, rows: 30)
            let client = try await agent.terminal(opening)
            let id = try #require(client.info?.sessionId)
            try await client.shows("begin \(id)")
            try await client.types("one\r")
            try await client.shows("end one")
            // Another program, the same session: who looks sees both.
            try await client.hear { client.text.ranges(of: "begin ").count == 2 }
            #expect(client.exitCode == nil)
            try await client.say(.resize(TerminalSize(cols: 100, rows: 31)))
            try await client.types("two\r")
            try await client.hear { client.text.ranges(of: "begin ").count == 3 }
            let session = try #require(try await agent.link.terminals().first)
            #expect(try await agent.link.terminals().count == 1)
            #expect(session.sessionId == id && session.state == .running && session.slug == "kept")
            #expect(session.cols == 100 && session.rows == 31 && session.exitCode == nil)
            let late = try await agent.terminal(TerminalOpening(session: "\(id)"))
            try await late.hear { late.text.ranges(of: "begin ").count == 3 }
            #expect(late.text.contains("end two"))
            #expect(try await agent.link.endTerminal("kept").state == .exited)
            for client in [client, late] { try await client.hear { client.exitCode != nil } }
            #expect(try await agent.link.terminals().map(\.state) == [.exited])
        }
    }

    @Test func `ends its sockets when the guest becomes another's`() async throws {
        try await RunningAgent.run { agent in
            let client = try await agent.terminal(shell("read word", slug: "kept"))
            var identity = RunningAgent.identity
            identity.accessToken = "another token"
            #expect(try await agent.identify([GuestProtocol.tokenHeader: RunningAgent.token], identity) == 204)
            try await client.hear { false }
            #expect(client.socket.peersClosing?.code == .goingAway)
        }
    }
}

@Suite struct `scrollback` {
    private func filled(_ limit: Int, _ pieces: [String]) -> String {
        var scrollback = Scrollback(limit: limit)
        for piece in pieces { scrollback.append(Array(piece.utf8)) }
        return String(decoding: scrollback.replay, as: UTF8.self)
    }

    @Test func `is all that was written while that is little`() {
        #expect(filled(10, ["one\n", "two\n"]) == "one\ntwo\n")
        #expect(filled(0, ["one\n"]) == "")
    }

    @Test func `begins with a line, and with the modes that were set before it`() {
        let lines = (0..<100).map { "line \($0)\r\n" }
        let start = "\u{1B}[?2004h\u{1B}[?25l\u{1B}[31m\u{1B}[?1049;1h\u{1B}[?1l"
        let replay = filled(64, [start] + lines)
        #expect(replay.hasPrefix("\u{1B}[?1l\u{1B}[?25l\u{1B}[?1049h\u{1B}[?2004hline "))
        #expect(replay.hasSuffix("line 98\r\nline 99\r\n"))
        #expect(filled(64, [start, "\u{1B}c"] + lines).hasPrefix("line "))
    }

    @Test func `reads modes in any pieces`() {
        let text = Array("a\u{1B}[?1;25h\u{1B}[?25lb\u{1B}]0;?7h\u{7}\u{1B}[?99999999999h".utf8)
        var whole = TerminalModes()
        whole.read(text[...])
        var pieces = TerminalModes()
        for byte in text { pieces.read([byte]) }
        #expect(whole.setting == pieces.setting)
        #expect(String(decoding: whole.setting, as: UTF8.self) == "\u{1B}[?1h\u{1B}[?25l\u{1B}[?65535h")
    }

    @Test func `never begins in the middle of a character`() {
        let replay = filled(32, Array(repeating: "é", count: 200))
        #expect(replay.allSatisfy { $0 == "é" })
    }
}
