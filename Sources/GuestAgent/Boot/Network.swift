import CLinux
import Glibc
import Linux
import Wire

/// The guest's network: a loopback, a line to the host, and an agent that everything else ends at.
///
/// The addresses are those that QEMU's user network gives its guest. No packet is ever routed: each IPv4 address is one of the
/// guest's own, so a connection to it arrives here and is carried to the host as what it is; what can not be carried, UDP above
/// all, is refused by the guest's own kernel, at once. IPv6 is switched off.
enum Network {
    private static let address: UInt32 = 0x0A00_020F
    /// QEMU's end, from which the host's requests come.
    private static let peer: UInt32 = 0x0A00_0202
    private static let interface = "eth0"

    /// Brings the interfaces up.
    static func bringUp() {
        if clinux_interface_up("lo", 0x7F00_0001, 0xFF00_0000) < 0 {
            Console.say("no loopback: \(LinuxError("bring up 'lo'"))")
        }
        guard access("/sys/class/net/\(interface)", F_OK) == 0 else { return Console.say("no network interface") }
        // A network of one: even its neighbours are reached through the agent.
        if clinux_interface_up(interface, address, 0xFFFF_FFFF) < 0 {
            Console.say("no network: \(LinuxError("bring up '\(interface)'"))")
        }
    }

    /// Opens the ways out. The gateway's must be there; a guest without the others has nothing else to reach.
    static func waysOut() throws -> WaysOut {
        var ways = WaysOut(gateway: try Listener(.loopback(GuestProtocol.gatewayPort)))
        do {
            ways.everywhere = try takeEverything()
            let server = SocketAddress.tcp(GuestProtocol.nameServer, 53)
            ways.names = (datagrams: try DatagramSocket(server), streams: try Listener(server))
            try nameServer()
        } catch {
            Console.say("no way out but the gateway: \(error)")
        }
        return ways
    }

    private static func takeEverything() throws(LinuxError) -> Listener {
        let listener = try Listener(.loopback(0), backlog: 4096)
        let hold = try listener.takeEveryConnection(butTo: address)
        try check("take every address") { clinux_own_every_address(interface, address, peer) }
        // It would answer for every address: what can not be reached must not seem to be there.
        try MachineIdentity.write("1", to: "/proc/sys/net/ipv4/icmp_echo_ignore_all")
        // For as long as the machine lives.
        _ = Unmanaged.passRetained(hold)
        return listener
    }

    /// Points the guest's programs to its name server; the file may be a link to where another init would write it.
    private static func nameServer() throws(LinuxError) {
        unlink("/etc/resolv.conf")
        try MachineIdentity.write("nameserver \(GuestProtocol.nameServer)\n", to: "/etc/resolv.conf")
    }
}
