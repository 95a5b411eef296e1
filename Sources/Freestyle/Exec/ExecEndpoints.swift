import Wire

/// `exec-await`: one command, and its answer when it has ended.
struct ExecEndpoints: Sendable {
    /// A body with the largest input, in base64, and the longest command.
    static let bodyLimit = 4 * 1024 * 1024
    /// What a guest's command has in the first version when nobody said it.
    private static let firstLimit: Int64 = 300_000

    let machines: VirtualMachines

    func run(_ request: Request) async throws -> Answer {
        let vm = try await machines.use(request)
        switch request.generation {
        case .fifth:
            return Answer(
                200,
                try await ShellCommand(request).run(on: vm.link, in: vm.record.workingDirectory).document
            )
        case .first:
            let command = try ShellCommand(request, defaultLimit: Self.firstLimit)
            let result = try await command.run(on: vm.link, in: vm.record.workingDirectory)
            guard result.status != nil else {
                throw FreestyleError(408, .timeout, "The command ran longer than \(command.limit) and was killed")
            }
            return Answer(200, result.document)
        }
    }
}
