import Egress

/// What the machines of builds may reach of which nobody says it, and the way there.
package struct BuildNetworks: Sendable {
    package var policy: EgressPolicy
    package var outside: Outside

    package init(policy: EgressPolicy = .closed, outside: Outside = .internet) {
        self.policy = policy
        self.outside = outside
    }
}
