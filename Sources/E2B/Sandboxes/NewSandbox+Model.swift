import Access
import Egress
import Sandboxes

extension NewSandbox {
    /// What a create asks for, once nothing of it has to be refused.
    ///
    /// What would be wrong on any server comes first, with status 400; then what this one does not have, with 501.
    ///
    /// - Parameter egress: what a sandbox may reach where nothing else is asked for.
    init(
        _ model: NewSandboxModel,
        owner: Owner,
        defaultTimeout: Int,
        template: String,
        egress standard: EgressPolicy
    ) throws {
        let lifetime = try Timeout.lifetime(model.timeout ?? defaultTimeout)
        let pauses = model.autoPause ?? false
        let resumes = model.autoResume?.enabled ?? false
        if model.autoPauseMemory == false {
            guard pauses else {
                throw RESTError.badRequest("'autoPauseMemory' can be false only when 'autoPause' is true")
            }
            guard !resumes else {
                throw RESTError.badRequest("'autoPauseMemory' can not be false when 'autoResume' is enabled")
            }
        }
        for name in (model.envVars ?? [:]).keys where name.isEmpty || name.contains("=") || name.utf8.contains(0) {
            throw RESTError.badRequest("'envVars': '\(name)' is no name of a variable")
        }
        for (name, value) in model.envVars ?? [:] where value.utf8.contains(0) {
            throw RESTError.badRequest("'envVars': the value of '\(name)' has a NUL in it")
        }
        let wishes = try NetworkWishes(
            model.network,
            allowsInternet: model.allowInternetAccess,
            otherwise: standard
        )
        if model.iam?.tokens?.isEmpty == false { throw RESTError.missing("identity tokens ('iam')") }

        self.init(
            template: template,
            environment: model.envVars ?? [:],
            metadata: model.metadata ?? [:],
            lifetime: lifetime
        )
        self.owner = owner
        ingress = wishes.ingress
        egress = wishes.egress
        lifecycle = Lifecycle(
            onTimeout: pauses ? .pause : .kill,
            resumesOnTraffic: resumes,
            keepsMemory: model.autoPauseMemory ?? true
        )
    }
}
