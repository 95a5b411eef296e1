import FoundationEssentials
import HTTP
import Linux
import Wire

extension CallError {
    /// The HTTP status of a unary error: <https://connectrpc.com/docs/protocol/#error-codes>.
    package var httpStatus: Int {
        switch code {
        case .canceled: 499
        case .invalidArgument, .failedPrecondition, .outOfRange: 400
        case .deadlineExceeded: 504
        case .notFound: 404
        case .alreadyExists, .aborted: 409
        case .permissionDenied: 403
        case .resourceExhausted: 429
        case .unimplemented: 501
        case .unavailable: 503
        case .unauthenticated: 401
        default: 500
        }
    }

    /// The code for an answer that carries no Connect error.
    package static func code(forStatus status: Int) -> Code {
        switch status {
        case 400: .invalidArgument
        case 401: .unauthenticated
        case 403: .permissionDenied
        case 404: .notFound
        case 409: .alreadyExists
        case 413, 429: .resourceExhausted
        case 499: .canceled
        case 501: .unimplemented
        case 502, 503: .unavailable
        case 504: .deadlineExceeded
        default: .unknown
        }
    }

    /// What a caller may know of any error.
    package init(_ error: any Error) {
        switch error {
        case let error as CallError: self = error
        case let error as HTTPError: self.init(Self.code(forStatus: error.status), error.message)
        case is CancellationError: self.init(.canceled, "The call was cancelled")
        case let error as DeadlineExceeded: self.init(.deadlineExceeded, "The call was not done in time: \(error)")
        default: self.init(.internalError, "\(error)")
        }
    }

    init(answer head: ResponseHead, _ body: [UInt8]) {
        if let error = try? JSONDecoder().decode(CallError.self, from: Data(body)) {
            self = error
        } else {
            let plain = (try? JSONValue(parsing: body))?["message"]?.string
            self.init(Self.code(forStatus: head.status), plain ?? "The server answered with status \(head.status)")
        }
    }
}
