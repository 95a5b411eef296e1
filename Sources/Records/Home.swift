/// Where everything of one installation lives: `$MARTLET_HOME`, `~/.martlet` when unset.
///
///     martlet.db          records                          images/     kernels, initial RAM disks, root images, by content
///     martlet.sock        the daemon, for this user        templates/  saved machines and the names that point to them
///     daemon.json         where the daemon listens         machines/   one directory per running machine
///     secrets.key         what secrets are sealed with
///     api-key             the key of local clients         runs/       what runs left: report, transcript, diff, state
///     volumes.key         what opens volumes is made of it cache/      downloads, by digest
///     daemon.log          what the daemon said             snapshots/  saved sandboxes: what differs from their templates
///     prices.json         the owner's own prices, if any   logs/       what went on in sandboxes that have ended
///                                                          tls/        the daemon's own certificates
///                                                          volumes/    the files of volumes, by id
///                                                          audit/      what was done to sandboxes, and what they did
///                                                          authorities/ keys of those that open sandboxes' requests
package struct Home: Sendable, Hashable {
    package let path: String

    package init(_ path: String) {
        self.path = path
    }

    package var database: String { "\(path)/martlet.db" }
    package var socket: String { "\(path)/martlet.sock" }
    /// Prices of models, beside or in place of those that come with Martlet.
    package var prices: String { "\(path)/prices.json" }
    package var lock: String { "\(path)/daemon.lock" }
    package var daemonFile: String { "\(path)/daemon.json" }
    package var apiKey: String { "\(path)/api-key" }
    /// What secrets are sealed with.
    package var secretKey: String { "\(path)/secrets.key" }
    /// What the tokens of volumes are derived from.
    package var volumeKey: String { "\(path)/volumes.key" }
    package var probe: String { "\(path)/kvm-probe.json" }
    package var log: String { "\(path)/daemon.log" }
    package var images: String { "\(path)/images" }
    package var templates: String { "\(path)/templates" }
    package var machines: String { "\(path)/machines" }
    package var snapshots: String { "\(path)/snapshots" }
    package var runs: String { "\(path)/runs" }
    package var logs: String { "\(path)/logs" }
    package var audit: String { "\(path)/audit" }
    package var authorities: String { "\(path)/authorities" }
    package var cache: String { "\(path)/cache" }
    package var volumes: String { "\(path)/volumes" }
    package var tls: String { "\(path)/tls" }
}
