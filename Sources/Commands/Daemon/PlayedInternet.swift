import Egress
import FoundationEssentials
import Linux

/// An internet that a test plays on this host: names, and the servers of the loopback that stand for addresses.
///
/// It is there only when `MARTLET_PLAYED_INTERNET` names a file such as
///
///     {"names": {"good.example": ["93.184.216.34"]}, "servers": {"93.184.216.34:443": 41234}}
///
/// which is read again for each name and connection. What sandboxes may reach is decided as ever, before it is asked.
enum PlayedInternet {
    private struct File: Decodable {
        var names: [String: [String]]?
        /// Ports of this host's loopback.
        var servers: [String: UInt16]?
    }

    private static var path: String? {
        Program.variable("MARTLET_PLAYED_INTERNET").flatMap { $0.isEmpty ? nil : $0 }
    }

    static var isSet: Bool { path != nil }

    /// Nil when nothing is played.
    static var outside: Outside? {
        get throws {
            guard let path else { return nil }
            _ = try read(path)
            return Outside(resolver: Resolver(path: path)) { address, port in
                let place = address.isV4 ? "\(address):\(port)" : "[\(address)]:\(port)"
                guard let server = try read(path).servers?[place] else {
                    throw LinuxError(LinuxError.Code(rawValue: 111), "nobody plays \(place)")
                }
                return try await Channel.connect(to: .loopback(server))
            }
        }
    }

    private static func read(_ path: String) throws -> File {
        try JSONDecoder().decode(File.self, from: Data(try Files.read(path)))
    }

    private struct Resolver: NameResolving {
        let path: String

        func addresses(of name: DomainName) async throws -> [IPAddress] {
            try read(path).names?[name.text]?.compactMap { IPAddress($0) } ?? []
        }
    }
}
