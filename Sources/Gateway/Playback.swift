import Cassettes
import Linux
import ScriptedModel

/// What answers a run's model requests in the place of the upstream, or keeps what that answers.
package enum Playback: Sendable {
    case cassette(Cassette)
    /// A scripted model: a cassette that people write.
    case script(ScriptedModelServer)

    /// Whether the upstream may be asked.
    var asksUpstream: Bool {
        switch self {
        case .cassette(let cassette): cassette.mode != .replay
        case .script: false
        }
    }

    /// What was said to the last request that the cassette has no answer to.
    var lastMiss: String? {
        switch self {
        case .cassette(let cassette): cassette.lastMiss
        case .script: nil
        }
    }
}

extension GuestGateway {
    /// Opens a cassette, or reads the script that stands at `path`.
    ///
    /// - Parameter secrets: what must not be kept besides the model's credential, by the names that take its place.
    /// - Throws: ``CassetteError``, `ScriptError`, `LinuxError`.
    package func playback(_ path: String, _ mode: Cassette.Mode, secrets: [String: Secret]) async throws -> Playback {
        if mode == .replay, Files.exists(path), !Files.isDirectory(path) {
            return .script(ScriptedModelServer(script: try Script(parsing: Files.read(path))))
        }
        var secrets = secrets
        switch upstream.credential {
        case .apiKey(let key): secrets["model-key"] = key
        case .token(let token): secrets["model-token"] = token
        case .stored(let find): secrets["model-key"] = await find()
        case .none: break
        }
        return .cassette(try Cassette(path, mode, redaction: Redaction(secrets)))
    }
}
