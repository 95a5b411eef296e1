import HTTP
import Volumes

extension RESTError {
    init(_ error: VolumesError) {
        let status =
            switch error.code {
            case .notFound, .pathNotFound: 404
            case .nameTaken, .invalid: 400
            case .unauthorized: 401
            case .denied: 403
            case .pathExists: 409
            case .tooMany: 429
            case .busy: 503
            case .noSpace: 507
            default: 500
            }
        self.init(
            status,
            error.code == .failed ? error.description : error.message,
            errorCode: error.code.rawValue,
            shouldRetry: error.code == .tooMany ? false : nil
        )
    }
}

/// A refusal as the clients of volumes' files understand it: there, `code` is a word.
struct VolumeRefusal: Sendable, Hashable {
    private struct Body: Encodable {
        let code: String
        let message: String
    }

    let error: RESTError

    var answer: Answer {
        get throws {
            var answer = try Answer(error.status, Body(code: code, message: error.message))
            if let shouldRetry = error.shouldRetry { answer.headers["Should-Retry"] = shouldRetry ? "true" : "false" }
            return answer
        }
    }

    private var code: String {
        if let code = error.errorCode { return code }
        return switch error.status {
        case 400: "invalid"
        case 401: "unauthorized"
        case 405: "method_not_allowed"
        case 408: "too_slow"
        case 413: "too_large"
        case 503: "unavailable"
        case 507: "no_space"
        default: "failed"
        }
    }
}
