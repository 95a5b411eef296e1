import Arguments
import Linux
import QEMUMachines

/// One thing that was tried, and what to do about it.
struct Finding: Sendable, Hashable, Encodable {
    enum State: String, Sendable, Encodable {
        case ok
        /// Works, and could be better; or is missing and not always needed.
        case warning = "warn"
        /// Without it the main job can not be done.
        case failure = "fail"
    }

    var name: String
    var state: State
    var detail: String
    /// What to type, or do, to mend it.
    var fix: String?

    init(_ name: String, _ state: State, _ detail: String, fix: String? = nil) {
        self.name = name
        self.state = state
        self.detail = detail
        self.fix = fix
    }

    /// All findings as lines, each with its fix below.
    static func text(_ findings: [Finding], style: Style) -> String {
        let width = findings.map(\.name.count).max() ?? 0
        return findings.map { finding in
            let state = finding.state.rawValue + String(repeating: " ", count: 4 - finding.state.rawValue.count)
            let mark =
                switch finding.state {
                case .ok: style.green(state)
                case .warning: style.yellow(state)
                case .failure: style.red(state)
                }
            let name = finding.name + String(repeating: " ", count: width - finding.name.count)
            let line = "\(mark)  \(name)  \(TerminalText.line(finding.detail))\n"
            let indent = String(repeating: " ", count: width + 8)
            return line + (finding.fix.map { "\(indent)\(style.bold("fix:")) \(TerminalText.line($0))\n" } ?? "")
        }.joined()
    }

    static func status(_ findings: [Finding]) -> Status {
        findings.contains { $0.state == .failure } ? .failure : .success
    }
}

// What the figures mean.
extension Finding {
    static func kvm(_ outcome: KVMProbe.Outcome) -> Finding {
        let slow = "; TCG is used instead, several times slower"
        switch outcome {
        case .usable(let microseconds):
            return Finding("kvm", .ok, "runs guest code (a loop took \(microseconds) µs)")
        case .forbidden:
            return Finding(
                "kvm",
                .warning,
                "this user may not open /dev/kvm\(slow)",
                fix: "sudo usermod -aG kvm \"$USER\", then log in again"
            )
        case .absent:
            return Finding(
                "kvm",
                .warning,
                "there is no /dev/kvm\(slow)",
                fix:
                    "switch on virtualisation in the firmware or, in a virtual machine, nesting; then: modprobe kvm_intel (or kvm_amd)"
            )
        case .broken, .notTried:
            let what =
                outcome == .broken ? "/dev/kvm opens, and no machine can be made with it" : "it could not be tried"
            return Finding("kvm", .warning, what + slow, fix: "sudo dmesg | grep -i kvm says why")
        case .tooSlow:
            return Finding(
                "kvm",
                .warning,
                "/dev/kvm opens and does not run guest code at speed\(slow)",
                fix: "nothing to be done inside this machine; one with hardware virtualisation is faster"
            )
        }
    }

    /// - Parameter bytes: what is free where the state is.
    static func disk(_ bytes: UInt64, _ path: String) -> Finding {
        let free = "\(Readable.bytes(Int64(clamping: bytes))) free under \(path)"
        let fix = "make room there, or set MARTLET_HOME to a larger disk"
        if bytes < 2 << 30 { return Finding("disk", .failure, free, fix: fix) }
        if bytes < 6 << 30 { return Finding("disk", .warning, "\(free); a template takes some 3 GiB", fix: fix) }
        return Finding("disk", .ok, free)
    }

    /// - Parameter kibibytes: what Linux calls available.
    static func memory(_ kibibytes: Int64) -> Finding {
        let free = "\(Readable.bytes(kibibytes * 1024)) available"
        if kibibytes < 512 << 10 {
            return Finding(
                "memory",
                .failure,
                free,
                fix: "end other programs; a sandbox with an agent needs some 512 MiB"
            )
        }
        if kibibytes < 1536 << 10 {
            return Finding(
                "memory",
                .warning,
                "\(free), enough for one sandbox",
                fix: "end other programs before running several"
            )
        }
        return Finding("memory", .ok, free)
    }
}
