import GuestLink
import Wire

/// The services that a machine has from its create on.
struct StartingServices: Sendable {
    private let units: [Unit]
    /// How long the create waits for those that say when they have started, in seconds; nil does not.
    private let patience: Double?

    init(_ members: Members) throws {
        let systemd = try members.object("systemd")
        if let patched = try systemd?.objects("patchedServices"), !patched.isEmpty {
            throw FreestyleError.missing(
                "services of a distribution to patch ('systemd.patchedServices'): a VM has no systemd; describe the service whole in "
                    + "'systemd.services'"
            )
        }
        units = try (systemd?.objects("services") ?? []).map { try ServiceDraft($0).unit }
        let waits = try members.bool("waitForReadySignal") ?? true
        patience = waits ? try members.number("readySignalTimeoutSeconds") ?? 120 : nil
    }

    /// Puts them there and starts them.
    ///
    /// - Throws: ``FreestyleError`` when one that says when it has started did not, or failed.
    func bring(into vm: VM) async throws {
        guard !units.isEmpty else { return }
        _ = try await vm.link.call(PutUnits.self, .init(units: units))
        _ = try await vm.link.call(ControlUnits.self, .init(.start))
        let telling = units.filter { $0.tellsReady && $0.isEnabled }.map(\.name)
        guard let patience, !telling.isEmpty else { return }
        let request = ControlUnits.Request(.start, telling, patience: patience)
        for status in try await vm.link.call(ControlUnits.self, request).units where status.state != .active {
            guard status.state == .failed else {
                throw FreestyleError(
                    408,
                    .timeout,
                    "The service '\(status.unit.name)' was not ready after \(Int(patience)) s, so there is no VM"
                )
            }
            throw FreestyleError.badRequest(
                "The service '\(status.unit.name)' has failed, so there is no VM: \(status.reason ?? status.detail)"
            )
        }
    }
}
