import Access
import HTTP
import Wire

extension RouteTable<FreestyleServer.Endpoint> {
    /// Enough for every document that has no file in it.
    private static var documentLimit: Int { 1024 * 1024 }

    mutating func add(
        _ method: String,
        _ path: String,
        limit: Int = Self.documentLimit,
        _ work: @Sendable @escaping (Request) async throws -> Answer
    ) { add(method, path, .whole(limit: limit, work)) }

    mutating func addMachines(_ machines: VMEndpoints) {
        add("GET", "/v5/vms", machines.list)
        add("POST", "/v5/vms", machines.create)
        add("GET", "/v5/vms/{vm}", machines.get)
        add("PATCH", "/v5/vms/{vm}", machines.update)
        add("DELETE", "/v5/vms/{vm}", machines.delete)
        add("POST", "/v5/vms/{vm}/start", machines.start)
        add("GET", "/v5/vms/{vm}/metrics", machines.metrics)
        // The words of the first version mean the same.
        add("POST", "/v5/vms/{vm}/resume", machines.start)
        add("POST", "/v5/vms/{vm}/pause", machines.pause)
        add("POST", "/v5/vms/{vm}/suspend", machines.pause)
        add("POST", "/v5/vms/{vm}/stop", machines.stop)
        add("POST", "/v5/vms/{vm}/resize", machines.resize)
        add("POST", "/v1/vms/{vm}/resize", machines.resize)
        add("PUT", "/v5/vms/{vm}/networks", machines.setNetworks)
    }

    mutating func addSnapshots(_ snapshots: SnapshotEndpoints) {
        add("POST", "/v5/vms/{vm}/snapshot", snapshots.take)
        add("POST", "/v1/vms/{vm}/snapshot", snapshots.take)
        for path in ["/v5/snapshots", "/v1/vms/snapshots"] {
            add("GET", path, snapshots.list)
            add("GET", "\(path)/{snapshot}", snapshots.get)
            add("PATCH", "\(path)/{snapshot}", snapshots.update)
            add("DELETE", "\(path)/{snapshot}", snapshots.delete)
        }
    }

    mutating func addForks(_ forks: ForkEndpoints) {
        add("POST", "/v5/vms/{vm}/fork", forks.fifth)
        add("POST", "/v1/vms/{vm}/fork", forks.first)
    }

    mutating func addExec(_ exec: ExecEndpoints) {
        add("POST", "/v5/vms/{vm}/exec-await", limit: ExecEndpoints.bodyLimit, exec.run)
    }

    mutating func addFiles(_ files: FileEndpoints, _ uploads: UploadEndpoints) {
        add("GET", "/v5/vms/{vm}/fs/read", .streaming(files.read))
        add("PUT", "/v5/vms/{vm}/fs/write", .streaming(files.write))
        add("GET", "/v5/vms/{vm}/fs/dir", files.list)
        add("GET", "/v5/vms/{vm}/fs/exists", files.exists)
        add("GET", "/v5/vms/{vm}/fs/stat", files.stat)
        add("POST", "/v5/vms/{vm}/fs/mkdir", files.makeDirectory)
        add("DELETE", "/v5/vms/{vm}/fs/remove", files.remove)
        add("POST", "/v5/vms/{vm}/fs/uploads", uploads.begin)
        add("GET", "/v5/vms/{vm}/fs/uploads/{id}", uploads.status)
        add("PUT", "/v5/vms/{vm}/fs/uploads/{id}", .streaming(uploads.take))
        add("DELETE", "/v5/vms/{vm}/fs/uploads/{id}", uploads.discard)
        add("POST", "/v5/vms/{vm}/fs/uploads/{id}/commit", uploads.commit)
    }

    mutating func addFirst(_ machines: FirstVMEndpoints, _ exec: ExecEndpoints, _ files: FirstFileEndpoints) {
        add("GET", "/v1/vms", machines.list)
        add("POST", "/v1/vms", limit: FileEndpoints.documentLimit, machines.create)
        add("GET", "/v1/vms/{vm}", machines.get)
        add("DELETE", "/v1/vms/{vm}", machines.delete)
        add("POST", "/v1/vms/{vm}/start", machines.start)
        add("POST", "/v1/vms/{vm}/suspend", machines.suspend)
        add("POST", "/v1/vms/{vm}/kill", machines.delete)
        add("POST", "/v1/vms/{vm}/await", machines.await)
        add("POST", "/v1/vms/{vm}/exec-await", limit: ExecEndpoints.bodyLimit, exec.run)
        add("GET", "/v1/vms/{vm}/files/{path...}", files.read)
        add("PUT", "/v1/vms/{vm}/files/{path...}", limit: FileEndpoints.documentLimit, files.write)
        add("DELETE", "/v1/vms/{vm}/files/{path...}", files.remove)
        add("POST", "/v1/vms/{vm}/watch-files", .streaming(files.watch))
        add("GET", "/v1/vms/{vm}/stats/stream", .streaming(files.stats))
        add("POST", "/v1/vms/{vm}/stop", machines.stop)
        for path in ["builds/{build}", "builds/{build}/phases", "{vm}/build"] {
            add("GET", "/v1/vms/\(path)") { _ in
                throw FreestyleError.missing(
                    "builds: what a create describes is there when it answers, or its failure is"
                )
            }
        }
        // There is nothing to make better: a VM's memory is its template's until it writes to it.
        add("POST", "/v1/vms/{vm}/optimize", machines.get)
        add("GET", "/auth/v1/whoami") { request in Answer(200, ["accountId": .string(request.caller.owner.rawValue)]) }
    }

    mutating func addServices(_ services: ServiceEndpoints) {
        for version in ["v1", "v5"] {
            let place = "/\(version)/vms/{vm}/systemd"
            add("GET", "\(place)/services", services.list)
            add("POST", "\(place)/services", services.add)
            add("GET", "\(place)/services/{unit}", services.status)
            add("DELETE", "\(place)/services/{unit}", services.remove)
            add("GET", "\(place)/services/{unit}/status", services.status)
            add("GET", "\(place)/services/{unit}/logs", services.logs)
            for verb in [ControlUnits.Verb.start, .stop, .restart] {
                add("POST", "\(place)/\(verb.rawValue)", services.control(verb))
            }
        }
    }

    mutating func addTerminals(_ terminals: TerminalEndpoints) {
        add("GET", "/v5/vms/{vm}/pty", .streaming(terminals.open))
        add("GET", "/v5/vms/{vm}/pty/sessions", terminals.list)
        add("GET", "/v5/vms/{vm}/pty/sessions/{session}", .streaming(terminals.join))
        add("DELETE", "/v5/vms/{vm}/pty/sessions/{session}", terminals.close)
        add("GET", "/v1/vms/{vm}/terminals", terminals.firstList)
        for kind in ["logs", "xterm-256color"] {
            add("GET", "/v1/vms/{vm}/terminals/{session}/\(kind)", terminals.missingText)
        }
    }

    mutating func addFirewall(_ firewall: FirewallEndpoints) {
        add("GET", "/v5/firewall/rules", firewall.list)
        add("POST", "/v5/firewall/rules", firewall.add)
        add("GET", "/v5/firewall/rules/{id}", firewall.get)
        add("DELETE", "/v5/firewall/rules/{id}", firewall.remove)
        add("POST", "/v5/firewall/evaluate", firewall.evaluate)
    }

    /// What is not there says so, by name.
    mutating func addMissing() {
        let domains = "domains; a VM's ports have names of theirs, docs/sandbox-addresses.md says which"
        let identities =
            "identities; 'martlet key create --owner NAME' makes keys, each for the sandboxes of its owner alone"
        let missing = [
            FreestyleError.tlsRules: ["/v5/tls"], VMEndpoints.networks: ["/v5/vpcs"],
            domains: ["/v5/domains", "/v5/verifications", "/v5/certificates", "/domains/v1", "/dns/v1"],
            identities: ["/v5/identities", "/identity/v1"],
            "tunnels; every port of a VM can be reached through the daemon, docs/sandbox-addresses.md says how": [
                "/v5/tunnels"
            ],
            "hardware: it is the machine that the daemon runs on": ["/v5/hardware"],
        ]
        for (what, paths) in missing {
            for path in paths.flatMap({ [$0, "\($0)/{rest...}"] }) {
                for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                    add(method, path) { _ in throw FreestyleError.missing(what) }
                }
            }
        }
    }
}
