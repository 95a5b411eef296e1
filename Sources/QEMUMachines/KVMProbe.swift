import CLinux
import Linux

/// Whether KVM runs guest code at the processor's speed, found out by running some.
///
/// `/dev/kvm` that opens and creates a virtual processor proves nothing: a nested KVM in software does so too, and then runs
/// a stock kernel a thousand times too slowly or not at all. So guest instructions are raced against a clock: some 4 ms on a
/// processor that runs them itself, 5 s in an instruction emulator.
package enum KVMProbe {
    package enum Outcome: Sendable, Hashable {
        /// The guest ran, in this many microseconds.
        case usable(microseconds: UInt64)
        /// There is no `/dev/kvm`.
        case absent
        /// It is there, and this user may not open it.
        case forbidden
        /// It opens, and no machine can be made with it.
        case broken
        /// Guest code did not end in time: its instructions are emulated.
        case tooSlow
        /// The probe itself could not be run.
        case notTried

        package var isUsable: Bool {
            if case .usable = self { true } else { false }
        }
    }

    /// Runs the probe; it takes a few milliseconds with a real KVM and `limit` at most with another.
    package static func run(limit: Duration = .seconds(1)) async -> Outcome {
        let milliseconds = UInt32(limit / .milliseconds(1))
        let result = try? await BlockingPool.run {
            var time: UInt64 = 0
            let verdict = clinux_probe_kvm(milliseconds, &time)
            return (verdict: verdict, time: time)
        }
        guard let result else { return .notTried }
        return switch UInt32(bitPattern: result.verdict) {
        case CLINUX_KVM_RUNS.rawValue: .usable(microseconds: result.time)
        case CLINUX_KVM_ABSENT.rawValue: .absent
        case CLINUX_KVM_FORBIDDEN.rawValue: .forbidden
        case CLINUX_KVM_BROKEN.rawValue, CLINUX_KVM_MISBEHAVES.rawValue: .broken
        case CLINUX_KVM_TOO_SLOW.rawValue: .tooSlow
        default: .notTried
        }
    }
}
