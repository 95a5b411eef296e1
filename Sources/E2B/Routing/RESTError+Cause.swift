import Access
import FoundationEssentials
import HTTP
import Linux
import Machines
import Records
import Sandboxes
import Secrets
import Volumes
import Wire

extension RESTError {
    /// What a client may see of an error.
    init(_ error: any Error) {
        switch error {
        case let error as RESTError: self = error
        case let error as HTTPError: self.init(error.status, error.message)
        case let error as SandboxError: self.init(error)
        case let error as AccessError: self.init(error)
        case let error as VolumesError: self.init(error)
        case let error as SecretsError: self.init(error)
        case let error as MachineError:
            self.init(error.code == .noSpace ? 507 : 500, "\(error)")
        case let error as LinuxError where error.code == .noSpace: self.init(507, error.message)
        case let error as CallError: self.init(502, "The sandbox did not answer: \(error.message)")
        case is DeadlineExceeded: self.init(504, "The sandbox did not answer in time")
        case is RecordsError: self.init(503, "The records can not be written now: \(error)")
        case is CancellationError: self.init(503, "The daemon is stopping; try again when it has started")
        default: self.init(500, "The request failed: \(error)")
        }
    }

    private init(_ error: SandboxError) {
        switch error.code {
        case .notFound, .ended, .templateNotFound: self.init(404, error.message)
        case .tooMany: self.init(429, error.message, shouldRetry: false)
        case .paused: self.init(409, error.message)
        case .pauseFailed: self.init(503, "\(error)")
        case .noSpace: self.init(507, "\(error)")
        case .invalidRequest: self.init(400, error.message)
        case .shuttingDown: self.init(503, error.message)
        default: self.init(500, "\(error)")
        }
    }

    private init(_ error: AccessError) {
        switch error.code {
        case .notFound: self.init(404, error.message)
        case .tooMany: self.init(429, error.message, shouldRetry: false)
        case .inUse: self.init(409, error.message)
        default: self.init(400, error.message)
        }
    }

    /// What is wrong with a body, by the name of the member.
    init(_ error: DecodingError) {
        func name(_ path: [any CodingKey]) -> String {
            path.isEmpty ? "The body" : "'\(path.map(\.stringValue).joined(separator: "."))'"
        }
        switch error {
        case .keyNotFound(let key, let context):
            self = .badRequest("\(name(context.codingPath + [key])) is missing")
        case .typeMismatch(let type, let context):
            self = .badRequest("\(name(context.codingPath)) must be \(Self.words(for: type))")
        case .valueNotFound(let type, let context):
            self = .badRequest("\(name(context.codingPath)) must be \(Self.words(for: type)), not null")
        case .dataCorrupted(let context) where context.codingPath.isEmpty:
            self = .badRequest("The body has a number that is too large or too fine")
        case .dataCorrupted(let context):
            self = .badRequest("\(name(context.codingPath)) can not be used: \(context.debugDescription)")
        @unknown default:
            self = .badRequest("The body is not what this request takes")
        }
    }

    private static func words(for type: Any.Type) -> String {
        switch type {
        case is Int.Type, is UInt16.Type, is Int64.Type: "an integer"
        case is Double.Type: "a number"
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        case is any ListType.Type: "a list"
        default: "an object"
        }
    }
}

/// What `Array` is without its element.
private protocol ListType {}
extension Array: ListType {}
