import Linux
import Machines
import Wire

/// The arguments of one QEMU.
///
/// The process runs in the machine's directory, so every path of the machine's own is a plain name and stays below the
/// 107 bytes that a socket's path may have. What differs between a boot and a restore is the memory's sharing and the wait
/// for state; all the rest must be equal, or the state does not load.
struct QEMUCommandLine {
    static let qmpSocket = "qmp.sock"
    static let console = "console.log"
    static let log = "qemu.log"
    /// What a booted machine writes to.
    static let disk = "disk.qcow2"

    enum Memory {
        /// A boot: the guest writes into the file, which becomes the template's memory.
        case shared(String)
        /// Pages come from the template's file, written ones are the machine's own. A restore waits for the state of its devices;
        /// a boot on a disk that was saved does not.
        case copyOnWrite(String, waits: Bool)
    }

    let name: String
    let plan: BootPlan
    let identity: MachineIdentity
    let memory: Memory
    let disk: DiskChain

    var arguments: [String] {
        var arguments = ["-name", "guest=\(name),process=martlet-\(name.prefix(8))"]
        arguments += ["-M", machineType, "-accel", accelerator, "-cpu", identity.processorModel]
        arguments += ["-smp", "\(plan.shape.processors)", "-m", "\(plan.shape.memoryMiB)M"]
        arguments += ["-object", memoryObject]
        arguments += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
        // No new programs, no new rights: what escapes from a guest finds itself in this filter.
        arguments += ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]
        arguments += ["-kernel", plan.kernel, "-initrd", plan.initialRAMDisk, "-append", plan.commandLine]
        arguments += ["-chardev", "file,id=console,path=\(Self.console),append=on", "-serial", "chardev:console"]
        arguments += ["-chardev", "socket,id=qmp,path=\(Self.qmpSocket),server=on,wait=off"]
        arguments += ["-mon", "chardev=qmp,mode=control"]
        arguments += disk.arguments
        // Restricted: without it every service on this host's loopback is open to the guest at 10.0.2.2.
        arguments += [
            "-netdev",
            "user,id=net,restrict=on,ipv6=off,hostfwd=tcp:127.0.0.1:0-10.0.2.15:\(GuestProtocol.agentPort)",
            "-device", "virtio-net-device,netdev=net",
        ]
        if case .copyOnWrite(_, waits: true) = memory {
            // Nobody needs to be told that the guest has moved: QEMU is its whole network. It would be told five times, and tell on.
            arguments += ["-incoming", "defer", "-global", "migration.announce-rounds=0"]
        }
        return arguments
    }

    private var machineType: String {
        var options = ["microvm", "rtc=on", "x-option-roms=off", "memory-backend=memory"]
        // Under TCG the guest gets its clock from PIT and PIC and hangs without them.
        if identity.accelerator == .kvm { options += ["pit=off", "pic=off"] }
        return options.joined(separator: ",")
    }

    private var accelerator: String {
        switch identity.accelerator {
        case .kvm: "kvm"
        // The translated code of one guest; Claude Code's working set fits, and idle guests hold little of it.
        case .tcg: "tcg,thread=multi,tb-size=256"
        }
    }

    private var memoryObject: String {
        let (path, share) =
            switch memory {
            case .shared(let path): (path, "on")
            case .copyOnWrite(let path, _): (path, "off")
            }
        let size = "\(plan.shape.memoryMiB)M"
        return "memory-backend-file,id=memory,size=\(size),mem-path=\(Self.escaped(path)),share=\(share)"
    }

    /// A comma in a path is doubled in QEMU's option syntax.
    static func escaped(_ path: String) -> String {
        path.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,")
    }

    /// The plan of a machine that runs, read from its arguments; nil when they are not of this form.
    static func plan(of process: Int32) -> (shape: MachineShape, commandLine: String)? {
        guard let bytes = try? Files.read("/proc/\(process)/cmdline") else { return nil }
        let words = bytes.split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        func value(_ option: String) -> String? {
            guard let index = words.firstIndex(of: option), index + 1 < words.count else { return nil }
            return words[index + 1]
        }
        guard let processors = value("-smp").flatMap({ Int($0) }), let commandLine = value("-append"),
            let memory = value("-m").flatMap({ Int($0.dropLast()) })
        else { return nil }
        return (MachineShape(processors: processors, memoryMiB: memory), commandLine)
    }
}
