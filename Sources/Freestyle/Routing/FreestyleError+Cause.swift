import Access
import HTTP
import Linux
import Machines
import Records
import Sandboxes
import Wire

extension FreestyleError {
    /// What a client may see of an error.
    init(_ error: any Error) {
        switch error {
        case let error as FreestyleError: self = error
        case let error as HTTPError: self.init(error)
        case let error as CallError: self.init(error)
        case let error as SandboxError: self.init(error)
        case let error as MachineError: self.init(error)
        case let error as LinuxError where error.code == .noSpace: self.init(409, .conflict, error.message)
        // The platform's own faults have one code, whatever they are.
        case is DeadlineExceeded:
            self = .nonResponsive("The VM did not answer in time; what was asked for may have been done")
        case is RecordsError: self.init(503, .unavailable, "The records can not be written now: \(error)")
        case is CancellationError: self.init(503, .unavailable, "The daemon is stopping; try again when it has started")
        default: self.init(500, .internalError, "The request failed: \(error)")
        }
    }

    /// An error of the connection, the client's or the guest's.
    private init(_ error: HTTPError) {
        switch error.status {
        case 413: self.init(413, .payloadTooLarge, error.message)
        case 416: self.init(416, .rangeNotSatisfiable, error.message)
        case 502, 504: self = .nonResponsive("The VM did not answer: \(error.message)")
        case 400..<500: self.init(error.status, .badRequest, error.message)
        default: self.init(error.status, .internalError, error.message)
        }
    }

    /// What a guest has refused.
    private init(_ error: CallError) {
        switch error.code {
        case .notFound: self = .notFound(error.message)
        case .invalidArgument, .unauthenticated, .outOfRange: self = .badRequest(error.message)
        case .permissionDenied: self.init(403, .forbidden, error.message)
        case .alreadyExists, .failedPrecondition, .aborted: self = .conflict(error.message)
        case .resourceExhausted: self.init(409, .limitExceeded, error.message)
        case .unimplemented: self = .missing("this for the template of this VM; build the template again")
        case .internalError, .unknown: self.init(500, .internalError, error.message)
        default: self = .nonResponsive(error.message)
        }
    }

    private init(_ error: SandboxError) {
        switch error.code {
        case .notFound, .ended, .templateNotFound: self = .notFound(error.message)
        case .noSpace, .paused, .pauseFailed, .resumeFailed: self = .conflict("\(error)")
        case .tooMany: self.init(429, .limitExceeded, error.message)
        case .invalidRequest: self = .badRequest(error.message)
        case .shuttingDown: self.init(503, .unavailable, error.message)
        default: self.init(500, .internalError, "\(error)")
        }
    }

    private init(_ error: MachineError) {
        switch error.code {
        case .noSpace: self = .conflict("\(error)")
        default: self.init(500, .internalError, "\(error)")
        }
    }
}
