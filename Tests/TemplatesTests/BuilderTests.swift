import Linux
import Records
import Sandboxes
import Synchronization
import Testing
import Wire

@testable import Templates

@Suite struct `a template build` {
    private struct Injected: Error {}
    /// As it was thrown, or told as the cause of what went wrong in the guest.
    private static func isInjected(_ error: any Error) -> Bool {
        error is Injected || (error as? TemplateError)?.cause is Injected
    }
    private static let claude = BuildTemplate.Request(name: "claude")
    private static let anew = {
        var request = claude
        request.noCache = true
        return request
    }()

    @Test func `ends with a template that can be used`() async throws {
        try await Installation.with { here in
            let manifest = try await here.builder().build(Self.claude) { _ in }
            let template = try here.templates.template("claude")
            #expect(template.manifest.buildID == manifest.buildID)
            #expect(manifest.contents == ["claude": "1.2.3", "kernel": "kernel"])
            #expect(manifest.environment["ANTHROPIC_API_KEY"] == GuestProtocol.placeholderKey)
            #expect(template.bootstrap.exposed { $0.count } == 64)
            #expect(!manifest.commandLine.contains(template.bootstrap.exposed { $0 }))
            #expect(here.leftovers == [])
        }
    }

    @Test(arguments: BuildStep.allCases)
    func `leaves nothing when a step fails, and goes on from there the next time`(_ failing: BuildStep) async throws {
        try await Installation.with { here in
            await #expect {
                try await here.builder { if $0 == failing { throw Injected() } }.build(Self.claude) { _ in }
            } throws: {
                Self.isInjected($0)
            }
            #expect(here.leftovers == [])
            #expect(here.templates.names() == [])
            let kept = here.layers.count
            let before = here.workshop.made.count
            try await here.builder().build(Self.claude) { _ in }
            #expect(here.workshop.made.count - before == Layer.allCases.count - kept)
            _ = try here.templates.template("claude")
        }
    }

    @Test(arguments: BuildStep.allCases)
    func `leaves the template as it was when building it anew fails`(_ failing: BuildStep) async throws {
        try await Installation.with { here in
            let old = try await here.builder().build(Self.claude) { _ in }
            await #expect {
                try await here.builder { if $0 == failing { throw Injected() } }.build(Self.anew) { _ in }
            } throws: {
                Self.isInjected($0)
            }
            #expect(here.leftovers == [])
            #expect(try here.templates.template("claude").manifest.buildID == old.buildID)
        }
    }

    @Test(arguments: [BuildStep.base, .warmUp, .publish])
    func `leaves nothing when it is cancelled`(_ step: BuildStep) async throws {
        try await Installation.with { here in
            let reached = Latch<Void>()
            let building = Task {
                try await here.builder {
                    if $0 == step {
                        reached.set(())
                        try await Latch<Void>().value()
                    }
                }
                .build(Self.claude) { _ in }
            }
            try await reached.value()
            building.cancel()
            await #expect(throws: CancellationError.self) { try await building.value }
            #expect(here.leftovers == [])
            #expect(here.templates.names() == [])
        }
    }

    @Test func `does nothing when nothing changed`() async throws {
        try await Installation.with { here in
            let first = try await here.builder().build(Self.claude) { _ in }
            let second = try await here.builder().build(Self.claude) { _ in }
            #expect(first.buildID == second.buildID)
            #expect(here.workshop.made.count == Layer.allCases.count)
            #expect(here.engine.booted == 1)
        }
    }

    @Test func `makes what a new agent changes, and throws the old away`() async throws {
        try await Installation.with { here in
            let first = try await here.builder().build(Self.claude) { _ in }
            let before = here.layers
            try Files.write("another agent".utf8, to: here.guest)
            let second = try await here.builder().build(Self.claude) { _ in }
            #expect(first.buildID != second.buildID)
            #expect(here.workshop.made.dropFirst(Layer.allCases.count) == ["initramfs"])
            #expect(here.layers.count == before.count)
            #expect(Set(here.layers).symmetricDifference(before).count == 2)
            #expect(Files.list("\(here.home.templates)/builds") == [second.buildID])
        }
    }

    @Test func `makes all anew when it is asked to, and stays with that`() async throws {
        try await Installation.with { here in
            try await here.builder().build(Self.claude) { _ in }
            let second = try await here.builder().build(Self.anew) { _ in }
            #expect(here.workshop.made.count == 2 * Layer.allCases.count)
            let third = try await here.builder().build(Self.claude) { _ in }
            #expect(third.buildID == second.buildID)
        }
    }

    @Test func `builds again when its files are damaged`() async throws {
        try await Installation.with { here in
            let first = try await here.builder().build(Self.claude) { _ in }
            try Files.remove("\(here.home.templates)/builds/\(first.buildID)/\(TemplateStore.File.memory)")
            let second = try await here.builder().build(Self.claude) { _ in }
            #expect(second.buildID != first.buildID)
            _ = try here.templates.template("claude")
        }
    }

    @Test func `waits for another of the same and finds its work done`() async throws {
        try await Installation.with { here in
            let builder = here.builder()
            async let one = builder.build(Self.claude) { _ in }
            async let other = builder.build(Self.claude) { _ in }
            let ids = try await (one.buildID, other.buildID)
            #expect(ids.0 == ids.1)
            #expect(here.engine.booted == 1)
        }
    }

    @Test func `sweeps what a killed one left`() async throws {
        try await Installation.with { here in
            try Files.makeDirectory("\(here.home.images)/.making/base-killed/result")
            try await here.builder().build(Self.claude) { _ in }
            #expect(here.leftovers == [])
        }
    }

    @Test func `tells each layer's beginning and end, and the template last`() async throws {
        try await Installation.with { here in
            let events = Mutex<[BuildTemplate.Event]>([])
            for isCached in [false, true] {
                events.withLock { $0 = [] }
                try await here.builder().build(Self.claude) { event in events.withLock { $0.append(event) } }
                let told = events.withLock { $0 }
                for name in Layer.allCases.map(\.rawValue) + ["machine"] {
                    let layer = told.compactMap(\.layer).filter { $0.name == name }
                    #expect(layer.map { $0.milliseconds == nil } == [true, false])
                    #expect(layer.last?.isCached == isCached)
                }
                #expect(told.last?.template?.name == "claude")
            }
        }
    }

    @Test func `makes once what two templates have in common, and keeps what either was made from`() async throws {
        try await Installation.with { here in
            try await here.builder().build(Self.claude) { _ in }
            try await here.builder().build(BuildTemplate.Request(name: "base")) { _ in }
            #expect(here.workshop.made.dropFirst(Layer.allCases.count) == ["disk"])
            #expect(here.templates.names().sorted() == ["base", "claude"])
            #expect(here.layers.count == Layer.allCases.count + 1)
            try Files.write("another agent".utf8, to: here.guest)
            try await here.builder().build(Self.claude) { _ in }
            #expect(here.workshop.made.suffix(1) == ["initramfs"])
        }
    }

    @Test func `refuses what it can not build`() async throws {
        try await Installation.with { here in
            func code(_ change: (inout BuildTemplate.Request) -> Void) async -> TemplateError.Code? {
                var request = Self.claude
                change(&request)
                do {
                    try await here.builder().build(request) { _ in }
                    return nil
                } catch {
                    return (error as? TemplateError)?.code
                }
            }
            #expect(await code { $0.name = "cloude" } == .unknownRecipe)
            #expect(await code { $0.name = "../claude" } == .unknownRecipe)
            #expect(await code { $0.processors = 0 } == .invalidRequest)
            #expect(await code { $0.memoryMiB = 64 } == .invalidRequest)
            #expect(await code { $0.diskMiB = 10 } == .invalidRequest)
            #expect(await code { $0.memoryMiB = Int.max } == .invalidRequest)
            #expect(await code { $0.claudeBinary = "/nowhere/claude" } == .invalidRequest)
            #expect(await code { $0.claudeBinary = "/tmp" } == .invalidRequest)
            #expect(await code { ($0.name, $0.claudeBinary) = ("base", "/bin/true") } == .invalidRequest)
            try Files.remove(here.guest)
            #expect(await code { _ in } == .guestMissing)
            #expect(here.engine.booted == 0)
        }
    }
}
