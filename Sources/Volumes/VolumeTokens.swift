import Linux
import TLS

/// What opens the files of volumes: for each volume one token, derived from its id with a key of this host.
///
/// So a token can be shown again at any time, and none is stored anywhere.
struct VolumeTokens: Sendable {
    private static let count = 32

    private let key: [UInt8]

    /// - Parameter path: the key's file, which is made when there is none. Without it all tokens change.
    init(keyFile path: String) throws(VolumesError) {
        do throws(LinuxError) {
            key = try KeyFile.load(path, count: Self.count)
        } catch {
            throw VolumesError(.key, "The key of the volumes in '\(path)' can not be used", cause: error)
        }
    }

    func token(of id: String) -> Secret {
        Secret(Random.hex(Digest.hmacSHA256("martlet volume \(id)".utf8, key: key)))
    }
}
