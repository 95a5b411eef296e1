import Testing
import Wire

@testable import ClaudeAgent

@Suite struct `the progress of a run` {
    private enum Event {
        case prompt(String)
        case result([String]? = nil)
        case woken
        case state(String)
        case task(String, String, type: String = "local_agent", status: String? = nil)
        case promptState(String, String)
        case giveUp
    }

    /// Whether the run has settled behind each event.
    private func settled(_ events: [Event]) -> [Bool] {
        var progress = RunProgress()
        return events.map { event in
            switch event {
            case .prompt(let id): progress.sent(prompt: id)
            case .giveUp: progress.giveUpWaiting()
            case .result(let ids):
                var raw: [String: JSONValue] = ["type": "result", "subtype": "success"]
                raw["user_message_uuids"] = ids.map { .array($0.map { .string($0) }) }
                progress.note(AgentMessage(.object(raw)))
            case .woken:
                progress.note(AgentMessage(["type": "result", "subtype": "success", "origin": ["kind": "task"]]))
            case .state(let state):
                progress.note(
                    AgentMessage(["type": "system", "subtype": "session_state_changed", "state": .string(state)])
                )
            case .task(let id, let kind, let type, let status):
                var raw: [String: JSONValue] = [
                    "type": "system", "subtype": .string(kind), "task_id": .string(id), "task_type": .string(type),
                ]
                raw["patch"] = status.map { ["status": .string($0)] }
                progress.note(AgentMessage(.object(raw)))
            case .promptState(let id, let state):
                progress.note(
                    AgentMessage(["type": "command_lifecycle", "command_uuid": .string(id), "state": .string(state)])
                )
            }
            return progress.isSettled
        }
    }

    @Test func `settles at the result of a program that tells no state`() {
        #expect(settled([.prompt("a"), .result()]) == [false, true])
        #expect(settled([.prompt("a"), .prompt("b"), .result(), .result()]) == [false, false, false, true])
    }

    @Test func `settles when a result is there and the session is idle, in any order`() {
        #expect(
            settled([.prompt("a"), .state("running"), .result(["a"]), .state("idle")]) == [false, false, false, true]
        )
        #expect(
            settled([.prompt("a"), .state("running"), .state("idle"), .result(["a"])]) == [false, false, false, true]
        )
    }

    @Test func `waits for agents in the background and not for shells`() {
        #expect(
            settled([
                .prompt("a"), .task("t", "task_started"), .result(["a"]), .state("idle"), .task("t", "task_progress"),
                .task("t", "task_updated", status: "running"), .task("t", "task_updated", status: "completed"),
            ]) == [false, false, false, false, false, false, true]
        )
        #expect(
            settled([.prompt("a"), .task("t", "task_started", type: "local_bash"), .result(["a"]), .state("idle")]).last
                == true
        )
    }

    @Test func `is reopened by work that the program takes up by itself`() {
        #expect(
            settled([.prompt("a"), .result(["a"]), .state("idle"), .state("running"), .woken, .state("idle")])
                == [false, true, true, false, false, true]
        )
    }

    @Test func `does not take an earlier result for that of a later prompt`() {
        #expect(
            settled([.prompt("a"), .prompt("b"), .result(["a"]), .state("idle"), .result(["b"])])
                == [false, false, false, false, true]
        )
        // Two prompts that were put together have one result.
        #expect(settled([.prompt("a"), .prompt("b"), .result(["a", "b"]), .state("idle")]).last == true)
        #expect(settled([.prompt("a"), .result(["a"]), .prompt("b"), .state("idle"), .woken]).last == false)
    }

    @Test func `does not wait for a prompt that was dropped`() {
        #expect(
            settled([
                .prompt("a"), .prompt("b"), .result(["a"]), .state("idle"), .promptState("b", "cancelled"),
            ]) == [false, false, false, false, true]
        )
        // That a prompt is completed does not mean that its result is here.
        #expect(
            settled([.prompt("a"), .promptState("a", "completed"), .state("idle"), .result(["a"])])
                == [false, false, false, true]
        )
    }

    @Test func `settles when it is given up`() {
        #expect(settled([.prompt("a"), .giveUp]) == [false, false])
        #expect(
            settled([.prompt("a"), .task("t", "task_started"), .result(["a"]), .giveUp, .prompt("b")])
                == [false, false, false, true, false]
        )
    }

    @Test func `tells what has taken too long`() {
        var limits = AgentLimits()
        limits.silence = .seconds(10)
        limits.afterResult = .seconds(20)
        limits.ending = .seconds(5)
        let patience = Patience(limits: limits)
        let start = ContinuousClock.now
        func step(_ progress: RunProgress, after seconds: Int, inputEnded: Bool = false, isAsked: Bool = false)
            -> Patience.Step
        {
            patience.step(
                progress,
                now: start + .seconds(seconds),
                quiet: start,
                inputEnded: inputEnded ? start : nil,
                isAsked: isAsked
            )
        }
        var progress = RunProgress()
        #expect(step(progress, after: 100) == .wait)
        progress.sent(prompt: "a")
        #expect(step(progress, after: 9) == .wait)
        #expect(step(progress, after: 11) == .fail)
        #expect(step(progress, after: 11, isAsked: true) == .wait)
        #expect(step(progress, after: 11, inputEnded: true) == .fail)
        progress.note(AgentMessage(["type": "system", "subtype": "session_state_changed", "state": "running"]))
        progress.note(AgentMessage(["type": "result", "user_message_uuids": ["a"]]))
        #expect(step(progress, after: 19) == .wait)
        #expect(step(progress, after: 21) == .settle)
        progress.giveUpWaiting()
        #expect(progress.isSettled && step(progress, after: 1000) == .wait)
        #expect(step(progress, after: 6, inputEnded: true) == .end)
    }
}
