import FoundationEssentials
import HTTP
import Linux
import RPC
import Testing
import Wire

@testable import GuestAgent

/// What E2B's clients send and want to see, byte by byte.
@Suite struct `the process service` {
    private static func start(_ line: String, _ more: String = "") -> String {
        let text = JSONValue.string(line).text()
        return #"{"process":{"cmd":"/bin/sh","args":["-c",\#(text)]},"stdin":false\#(more)}"#
    }

    @Test func `tells a life in the events that clients know`() async throws {
        try await RunningAgent.run { agent in
            let (type, said) = try await agent.hear(
                "process.Process/Start",
                Self.start("echo out; sleep 0.05; echo err >&2"),
                [
                    "Keepalive-Ping-Interval": "50", "Connect-Protocol-Version": "1", "Connect-Timeout-Ms": "60000",
                    "Connect-Accept-Encoding": "identity", "Connect-Content-Encoding": "identity",
                    "Accept-Encoding": "zstd,gzip,br",
                ]
            )
            #expect(type == "application/connect+json")
            #expect(said.count == 5)
            #expect(said[0]["event"]?["start"]?["pid"]?.integer ?? 0 > 1)
            #expect(said[1] == ["event": ["data": ["stdout": "b3V0Cg=="]]])
            #expect(said[2] == ["event": ["data": ["stderr": "ZXJyCg=="]]])
            #expect(said[3] == ["event": ["end": ["exitCode": 0, "exited": true, "status": "exit status 0"]]])
            #expect(said[4] == [:])
        }
    }

    @Test(arguments: [
        (
            "exit 3", 3, true, "exit status 3"
        ), ("kill -KILL $$", -1, false, "signal: killed"), ("kill -INT $$", -1, false, "signal: interrupt"),
    ])
    func `tells an end that is no success`(_ line: String, _ code: Int64, _ exited: Bool, _ status: String) async throws
    {
        try await RunningAgent.run { agent in
            let said = try await agent.hear("process.Process/Start", Self.start(line)).said
            let text = JSONValue.string(status)
            let end: JSONValue = [
                "exitCode": .integer(code), "exited": .bool(exited), "status": text, "error": text,
            ]
            #expect(said[1] == ["event": ["end": end]])
        }
    }

    @Test func `understands every spelling of a message`() async throws {
        try await RunningAgent.run { agent in
            let start = #"{"process":{"cmd":"cat","args":null,"news":[1]},"tag":"t","pty":null,"unknown":{"x":1}}"#
            let said = try await agent.calls.stream(
                StartProcess.self,
                try JSONValue(parsing: start).decode()
            ) { events in
                var story = Story()
                _ = try await story.read(&events)
                let process = #""process":{"pid":"\#(story.pid)"}"#
                for input in ["YWI", "YWI=", "__-_"] {
                    expect(
                        try await agent.ask(
                            "process.Process/SendInput",
                            #"{\#(process),"input":{"stdin":"\#(input)"},"more":1}"#
                        ).status,
                        200
                    )
                }
                expect(
                    try await agent.ask("process.Process/SendInput", #"{\#(process),"input":{"stdin":"!"}}"#).status,
                    400
                )
                try await story.read(&events, until: "abab")
                let signal = try await agent.ask("process.Process/SendSignal", #"{\#(process),"signal":9}"#)
                #expect(signal.status == 200)
                #expect(signal.body == [:])
                try await story.readAll(&events)
                return story
            }
            #expect(said.stdout == Array("abab".utf8) + [0xFF, 0xFF, 0xBF])
            #expect(said.end?.status == "signal: killed")
        }
    }

    @Test(arguments: [
        ("SendSignal", #"{"process":{"pid":4000000},"signal":"SIGNAL_SIGKILL"}"#, "process with pid 4000000 not found"),
        ("SendInput", #"{"process":{"tag":"nobody"},"input":{"stdin":""}}"#, "process with tag nobody not found"),
        ("Update", #"{"process":{"pid":4000000},"pty":{"size":{}}}"#, "process with pid 4000000 not found"),
        ("CloseStdin", #"{"process":{"pid":4000000}}"#, "process with pid 4000000 not found"),
    ])
    func `does not find who is not there`(_ method: String, _ json: String, _ message: String) async throws {
        try await RunningAgent.run { agent in
            let answer = try await agent.ask("process.Process/\(method)", json)
            #expect(answer.status == 404)
            #expect(answer.body == ["code": "not_found", "message": .string(message)])
        }
    }

    @Test func `ends a stream with what went wrong, under a good status`() async throws {
        try await RunningAgent.run { agent in
            let connect = try await agent.hear("process.Process/Connect", #"{"process":{"pid":4000000}}"#)
            let message: JSONValue = "process with pid 4000000 not found"
            #expect(connect.said == [["error": ["code": "not_found", "message": message]]])
            let cwd = try await agent.hear("process.Process/Start", #"{"process":{"cmd":"true","cwd":"/no/where"}}"#)
            let nowhere: JSONValue = "cwd '/no/where' does not exist"
            #expect(cwd.said == [["error": ["code": "invalid_argument", "message": nowhere]]])
        }
    }

    @Test(arguments: [
        ("Content-Type", "application/proto", 415), ("Content-Encoding", "gzip", 501),
        ("Connect-Protocol-Version", "2", 400), ("Connect-Timeout-Ms", "soon", 400),
        ("Connect-Timeout-Ms", "99999999999", 400), ("Content-Encoding", "identity", 200),
        ("Content-Type", "application/json; charset=utf-8", 200),
    ])
    func `takes calls in its own protocol only`(_ name: String, _ value: String, _ status: Int) async throws {
        try await RunningAgent.run { agent in
            var headers: Headers = [:]
            headers[name] = value
            let asked = headers
            let answer = try await agent.send("POST", "/process.Process/List", asked, Array("{}".utf8))
            #expect(answer.status == status)
        }
    }

    @Test func `sends no other signals than it knows`() async throws {
        try await RunningAgent.run { agent in
            for signal in [#""SIGNAL_UNSPECIFIED""#, "0", #""SIGSEGV""#] {
                let answer = try await agent.ask(
                    "process.Process/SendSignal",
                    #"{"process":{"pid":1},"signal":\#(signal)}"#
                )
                #expect(answer.status == 501)
                #expect(answer.body["code"] == "unimplemented")
            }
        }
    }

    @Test func `shows that a quiet process lives, as often as is asked`() async throws {
        try await RunningAgent.run { agent in
            let request = StartProcess.Request(process: ProcessConfig(cmd: "cat"))
            let pause = ["Keepalive-Ping-Interval": "1"] as Headers
            try await agent.calls.stream(StartProcess.self, request, headers: pause) { events in
                _ = try #require(try await events.next()?.event.start)
                _ = try #require(try await events.next()?.event.keepalive)
            }
        }
    }

    @Test func `lists what runs as it was started`() async throws {
        try await RunningAgent.run { agent in
            let config = ProcessConfig(cmd: "cat", args: ["-"], envs: ["A": "b"], cwd: "/tmp")
            let request = StartProcess.Request(process: config, tag: "t")
            let pid = try await agent.calls.stream(StartProcess.self, request) { events in
                try await events.next()?.event.start?.pid
            }
            let entry = ListProcesses.Entry(config: config, pid: try #require(pid), tag: "t")
            #expect(try await agent.calls.call(ListProcesses.self, Empty()).processes == [entry])
            expect(try await agent.ask("process.Process/List", "{}").status, 200)
        }
    }
}
