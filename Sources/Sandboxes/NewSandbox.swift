import Access
import Egress
import Wire

/// What to make.
package struct NewSandbox: Sendable {
    package var template: String
    package var environment: [String: String]
    package var metadata: [String: String]
    /// How long it may live; nil means until it is killed.
    package var lifetime: Duration?
    package var owner = Owner.installation
    /// The id of the API key that it is made with, which pays for its model.
    package var keyID: String?
    package var ingress = IngressPolicy()
    package var lifecycle = Lifecycle()
    /// How often it is saved while it runs; nil is never.
    package var checkpointInterval: Duration?
    /// The volumes that are seen in it; whoever asks for them has made sure that they are the owner's.
    package var volumes: [VolumeMount] = []
    /// What it may reach; nil is the installation's default.
    package var egress: EgressPolicy?
    /// Whether an agent that waits is wanted with it, if its template is there with one.
    package var wantsAgent = false

    package init(
        template: String,
        environment: [String: String] = [:],
        metadata: [String: String] = [:],
        lifetime: Duration? = nil
    ) {
        self.template = template
        self.environment = environment
        self.metadata = metadata
        self.lifetime = lifetime
    }
}

/// The steps of a create, in order; each can be made to fail in a test.
package enum CreateStep: String, CaseIterable, Sendable {
    case template, machine, record, resume, identity, tunnels, volumes, done
}

/// The steps of a pause and of a resume, in order; each can be made to fail in a test.
package enum TurnStep: String, CaseIterable, Sendable {
    case suspend, save, rest
    case open, prepare, identity, wake
}
