import CLinux
import Glibc
import Linux
import MCPGateway
import Wire

/// The program `martlet-guest`.
///
///     as PID 1                                             boots the machine and serves it
///     martlet-guest mcp-gateway …                          several MCP servers as one, see ``MCPGatewayProgram``
///     martlet-guest --serve-for-tests PORT DIRECTORY HASH  serves the calling user on the loopback; no machine is touched
package enum GuestProgram {
    /// Runs until the machine is switched off, or the program is ended.
    package static func main(_ arguments: [String]) -> Never {
        clinux_boot_is_linked()
        // As PID 1 the agent collects every orphan of the guest when SIGCHLD says so.
        runMainTask(blocking: [SIGCHLD]) { await run(arguments) }
    }

    private static func run(_ arguments: [String]) async -> Int32 {
        do {
            if getpid() == 1 {
                try await serveMachine()
            } else if arguments.count >= 2, arguments[1] == "mcp-gateway" {
                return await MCPGatewayProgram.run(Array(arguments.dropFirst(2)), version: Version.current)
            } else if arguments.count == 5, arguments[1] == "--serve-for-tests", let port = UInt16(arguments[2]) {
                try await serveCaller(port, directory: arguments[3], hash: arguments[4])
            } else {
                Console.say("boots a guest as its first process; it does nothing elsewhere")
                return 64
            }
        } catch {
            Console.say("stopped: \(error)")
        }
        // A first process that ends is a kernel panic; a machine without an agent is of no use, so it goes off instead.
        if getpid() == 1 { _ = clinux_power_off() }
        return 1
    }

    private static func serveMachine() async throws {
        let boot = Boot()
        Console.say("started")
        try await boot.run()
        var settings = AgentSettings(
            bootstrap: boot.bootstrap,
            users: .ofGuest,
            ownsMachine: true,
            controlGroups: "/sys/fs/cgroup/martlet",
            spoolDirectory: "/var/tmp"
        )
        settings.noticeDirectory = "/run/martlet/notify"
        let agent = try Agent(settings)
        let listener = try Listener(.tcp("0.0.0.0", GuestProtocol.agentPort))
        let ways = try Network.waysOut()
        Console.say(boot.bootstrap == nil ? "ready, but without a bootstrap hash it answers nobody" : "ready")
        try await agent.run(on: listener, ways)
    }

    private static func serveCaller(_ port: UInt16, directory: String, hash: String) async throws {
        let agent = try Agent(
            AgentSettings(
                bootstrap: SecretHash(hexadecimal: hash),
                users: .caller(home: directory),
                ownsMachine: false,
                controlGroups: nil,
                spoolDirectory: directory
            )
        )
        let listener = try Listener(.loopback(port))
        let gateway = try Listener(.loopback(0))
        Console.say("ready, agent \(listener.address), gateway \(gateway.address)")
        try await agent.run(on: listener, WaysOut(gateway: gateway))
    }
}
