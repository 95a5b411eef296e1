import Linux
import Wire

/// Tells how a build goes, in order, without ever making it wait.
package struct Progress: Sendable {
    private let events: AsyncStream<BuildTemplate.Event>.Continuation

    /// Runs `body`, and gives what it tells to `tell`, all of it before this returns.
    static func told<Result: Sendable>(
        to tell: @escaping @Sendable (BuildTemplate.Event) async -> Void,
        _ body: @Sendable @escaping (Progress) async throws -> Result
    ) async throws -> Result {
        let (stream, events) = AsyncStream.makeStream(of: BuildTemplate.Event.self)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await event in stream { await tell(event) } }
            defer { events.finish() }
            let result = try await body(Progress(events: events))
            events.finish()
            try await group.waitForAll()
            return result
        }
    }

    package func line(_ text: String) {
        events.yield(BuildTemplate.Event(line: text))
    }

    /// Tells the beginning and the end of a layer that `body` makes.
    func layer<Result: Sendable>(_ name: String, _ body: () async throws -> Result) async rethrows -> Result {
        events.yield(BuildTemplate.Event(layer: .init(name: name)))
        let clock = ContinuousClock()
        let began = clock.now
        let result = try await body()
        end(name, clock.now - began, isCached: false)
        return result
    }

    /// Tells of a layer that is there already.
    func cached(_ name: String) {
        events.yield(BuildTemplate.Event(layer: .init(name: name)))
        end(name, .zero, isCached: true)
    }

    private func end(_ name: String, _ time: Duration, isCached: Bool) {
        let milliseconds = Int(time / .milliseconds(1))
        events.yield(
            BuildTemplate.Event(layer: .init(name: name, milliseconds: milliseconds, isCached: isCached))
        )
    }

    func template(_ info: TemplateInfo) {
        events.yield(BuildTemplate.Event(template: info))
    }
}
