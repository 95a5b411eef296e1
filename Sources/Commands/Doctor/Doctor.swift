import Linux
import QEMUMachines
import RPC
import Records
import Wire

/// Finds out what this machine can do, by trying it.
struct Doctor: Sendable {
    let surroundings: Surroundings

    /// A program that is looked for and asked for its version.
    private struct Tool {
        let name: String
        var versionFlag = "--version"
        /// Debian's package.
        let package: String
        /// Whether every run needs it, and not only the build of a template.
        let isAlwaysNeeded: Bool
    }

    private static let tools = [
        Tool(name: "qemu-system-x86_64", package: "qemu-system-x86", isAlwaysNeeded: true),
        Tool(name: "qemu-img", package: "qemu-utils", isAlwaysNeeded: true),
        Tool(name: "git", package: "git", isAlwaysNeeded: true),
        Tool(name: "tar", package: "tar", isAlwaysNeeded: true),
        Tool(name: "mmdebstrap", package: "mmdebstrap", isAlwaysNeeded: false),
        Tool(name: "mke2fs", versionFlag: "-V", package: "e2fsprogs", isAlwaysNeeded: false),
        Tool(name: "lz4", package: "lz4", isAlwaysNeeded: false),
        Tool(name: "cpio", package: "cpio", isAlwaysNeeded: false),
        Tool(name: "python3", package: "python3", isAlwaysNeeded: false),
        Tool(name: "pip3", package: "python3-pip", isAlwaysNeeded: false),
    ]

    func findings() async -> [Finding] {
        var findings = [Finding.kvm(await KVMProbe.run())]
        let (daemon, daemonFinding) = await self.daemon()
        let templates = await self.templates(daemon)
        for tool in Self.tools { findings.append(await look(for: tool, hasTemplate: templates.state == .ok)) }
        findings += [disk, memory, daemonFinding, templates, credential(daemon)].compactMap { $0 }
        return findings
    }

    private func look(for tool: Tool, hasTemplate: Bool) async -> Finding {
        let fix = "apt-get install \(tool.package)"
        guard let program = try? Program(tool.name, [tool.versionFlag]) else {
            if tool.isAlwaysNeeded { return Finding(tool.name, .failure, "not installed", fix: fix) }
            let detail = "not installed; needed to build templates"
            return Finding(tool.name, hasTemplate ? .warning : .failure, detail, fix: fix)
        }
        do {
            let output = try await withDeadline(.seconds(10)) { try await program.run() }
            let words = output.text.isEmpty ? output.errorText : output.text
            let line = words.split(separator: "\n").first.map(String.init) ?? program.path
            guard output.status.isSuccess else {
                return Finding(
                    tool.name,
                    .failure,
                    "'\(program.path)' does not run: \(line)",
                    fix: "\(fix) --reinstall"
                )
            }
            return Finding(tool.name, .ok, line)
        } catch {
            return Finding(tool.name, .failure, "'\(program.path)' does not run: \(error)", fix: "\(fix) --reinstall")
        }
    }

    private var disk: Finding? {
        // The home may not be there yet; what counts is the disk that it would be on.
        var path = surroundings.home.path[...]
        while !Files.isDirectory(String(path)), let cut = path.lastIndex(of: "/"), cut > path.startIndex {
            path = path[..<cut]
        }
        let place = Files.isDirectory(String(path)) ? String(path) : "/"
        return Files.freeSpace(place).map { Finding.disk($0, surroundings.home.path) }
    }

    private var memory: Finding? {
        let text = (try? Files.read("/proc/meminfo")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
        return line?.split(separator: " ").dropFirst().first.flatMap { Int64($0) }.map(Finding.memory)
    }

    private func daemon() async -> (DaemonConnection?, Finding) {
        do {
            guard let daemon = try await DaemonConnection.ifRunning(surroundings) else {
                return (nil, Finding("daemon", .ok, "not running; the next command that needs it starts it"))
            }
            let info = daemon.info
            if let warning = DaemonConnection.versionWarning(info) {
                return (daemon, Finding("daemon", .warning, warning, fix: "martlet shutdown"))
            }
            let detail = "process \(info.processID), \(info.url), \(Readable.plural(info.sandboxes, "sandbox"))"
            return (daemon, Finding("daemon", .ok, detail))
        } catch {
            let fix = "see '\(surroundings.home.log)'; end the process that holds '\(surroundings.home.socket)'"
            return (nil, Finding("daemon", .failure, "\(error)", fix: fix))
        }
    }

    private func templates(_ daemon: DaemonConnection?) async -> Finding {
        let fix = "martlet template build claude"
        guard let daemon else {
            let isThere = !Files.list(surroundings.home.templates).isEmpty
            return isThere
                ? Finding("templates", .ok, "there are some; the daemon, once it runs, tells which")
                : Finding("templates", .warning, "none", fix: fix)
        }
        do {
            let templates = try await daemon.client.call(ListTemplates.self, Empty()).templates
            if let broken = templates.first(where: { $0.problem != nil }) {
                let detail = "'\(broken.name)' can not be used: \(broken.problem ?? "")"
                return Finding("templates", .warning, detail, fix: "martlet template build \(broken.name)")
            }
            if templates.isEmpty { return Finding("templates", .warning, "none", fix: fix) }
            return Finding("templates", .ok, templates.map(\.name).joined(separator: ", "))
        } catch {
            return Finding("templates", .failure, "\(error)", fix: "see '\(surroundings.home.log)'")
        }
    }

    private func credential(_ daemon: DaemonConnection?) -> Finding {
        let names = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"]
        let name = names.first { surroundings.variable($0) != nil }
        if let daemon {
            if daemon.info.hasCredential { return Finding("model", .ok, "the daemon talks to \(daemon.info.modelURL)") }
            return Finding(
                "model",
                .warning,
                "the daemon was started without a credential",
                fix: name == nil ? "set ANTHROPIC_API_KEY, then: martlet shutdown" : "martlet shutdown"
            )
        }
        if let name { return Finding("model", .ok, "\(name) is set") }
        return Finding(
            "model",
            .warning,
            "no credential in this environment",
            fix: "set ANTHROPIC_API_KEY, or ANTHROPIC_BASE_URL for a model of your own"
        )
    }
}
