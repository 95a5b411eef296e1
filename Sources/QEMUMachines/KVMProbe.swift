import CLinux
import Linux

/// Whether KVM runs guest code at the processor's speed, found out by running some.
///
/// `/dev/kvm` that opens and creates a virtual processor proves nothing: a nested KVM in software does so too, and then runs
/// a stock kernel a thousand times too slowly or not at all. So a loop of guest instructions is raced against a clock.
package enum KVMProbe {
    package enum Outcome: Sendable, Hashable {
        /// The loop ran in this many microseconds.
        case usable(microseconds: Int)
        /// There is no `/dev/kvm`, or this user may not open it; errno says which.
        case unavailable(errno: Int32)
        /// It opens, and did not get through the loop in time.
        case tooSlow

        package var isUsable: Bool {
            if case .usable = self { true } else { false }
        }
    }

    /// Runs the probe; it takes a few milliseconds with a real KVM and `limit` at most with another.
    package static func run(limit: Duration = .milliseconds(500)) async -> Outcome {
        let milliseconds = UInt32(limit / .milliseconds(1))
        let result = try? await BlockingPool.run { clinux_probe_kvm(milliseconds) }
        return switch result {
        case .some(let time) where time >= 0: .usable(microseconds: Int(time))
        case .some(-1): .tooSlow
        case .some(let code): .unavailable(errno: -code - 1000)
        case .none: .tooSlow
        }
    }
}
