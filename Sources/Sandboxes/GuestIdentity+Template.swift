import FoundationEssentials
import Linux
import Wire

extension GuestIdentity {
    /// What a guest of `template` is told when it becomes the sandbox `id`.
    package init(id: String, token: Secret, template: TemplateManifest, environment: [String: String]) {
        var variables = template.environment
        variables["E2B_SANDBOX_ID"] = id
        variables["E2B_TEMPLATE_ID"] = template.name
        for (name, value) in environment { variables[name] = value }
        self.init(
            accessToken: token.exposed { $0 },
            timeNanoseconds: Int64(Date().timeIntervalSince1970 * 1_000_000_000),
            entropy: Data(Random.bytes(64)),
            hostname: id,
            machineID: Random.hex(16),
            envVars: variables,
            defaultUser: template.user,
            defaultWorkdir: template.directory
        )
    }

    /// What a guest is told that was saved as another sandbox and becomes the sandbox `id`: all else it has already.
    init(fork id: String, token: Secret) {
        self.init(
            accessToken: token.exposed { $0 },
            timeNanoseconds: Int64(Date().timeIntervalSince1970 * 1_000_000_000),
            entropy: Data(Random.bytes(64)),
            hostname: id,
            machineID: Random.hex(16),
            envVars: ["E2B_SANDBOX_ID": id],
            renewal: .fork
        )
    }
}
