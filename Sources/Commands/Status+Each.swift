import Arguments

extension Status {
    /// Does the same to each, says what it could not be done to, and is a failure if there was one.
    static func ofEach(_ names: [String], _ body: (String) async throws -> Void) async -> Status {
        var status = Status.success
        for name in names {
            do {
                try await body(name)
            } catch {
                await StandardStream.say("\(error)")
                status = .failure
            }
        }
        return status
    }
}
