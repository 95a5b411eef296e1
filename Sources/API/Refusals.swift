import Access
import Audit
import Egress
import Linux
import MCP
import Machines
import RPC
import Runs
import Sandboxes
import Schemas
import Secrets
import Snapshots
import Templates
import Volumes
import Wire

/// Runs `body` and turns its errors into what a caller may see, each with the code that fits.
func refusing<Result>(_ body: () async throws -> Result) async throws -> Result {
    do {
        return try await body()
    } catch {
        throw CallError(refusing: error)
    }
}

extension CallError {
    init(refusing error: any Error) {
        switch error {
        case let error as SandboxError: self.init(Self.code(error.code), "\(error)")
        case let error as AccessError: self.init(Self.code(error.code), error.message)
        case let error as VolumesError: self.init(Self.code(error.code), error.message)
        case let error as SecretsError: self.init(Self.code(error.code), error.message)
        case let error as AuditError: self.init(.dataLoss, error.message)
        case let error as EgressError: self.init(.invalidArgument, error.message)
        case let error as RunError: self.init(Self.code(error.code), error.message)
        case let error as JSONSchemaError: self.init(.invalidArgument, "\(error)")
        case let error as MCPError: self.init(.invalidArgument, error.message)
        case let error as TemplateError: self.init(Self.code(error.code), "\(error)")
        case let error as SnapshotError: self.init(Self.code(error.code), "\(error)")
        case let error as MachineError:
            self.init(error.code == .noSpace ? .resourceExhausted : .unavailable, "\(error)")
        case let error as LinuxError where error.code == .noSpace:
            self.init(.resourceExhausted, "\(error.message); free some space, or set MARTLET_HOME to a larger disk")
        default: self.init(error)
        }
    }

    private static func code(_ code: SandboxError.Code) -> Code {
        switch code {
        case .notFound, .templateNotFound: .notFound
        case .templateBroken, .paused, .resumeFailed: .failedPrecondition
        case .noSpace, .tooMany: .resourceExhausted
        case .invalidRequest: .invalidArgument
        default: .unavailable
        }
    }

    private static func code(_ code: SnapshotError.Code) -> Code {
        switch code {
        case .notFound: .notFound
        case .truncated, .damaged: .dataLoss
        case .incompatible: .failedPrecondition
        case .noSpace: .resourceExhausted
        default: .unavailable
        }
    }

    private static func code(_ code: TemplateError.Code) -> Code {
        switch code {
        case .notFound: .notFound
        case .invalidRequest: .invalidArgument
        case .noSpace: .resourceExhausted
        default: .failedPrecondition
        }
    }

    private static func code(_ code: SecretsError.Code) -> Code {
        switch code {
        case .notFound: .notFound
        case .nameTaken: .alreadyExists
        case .invalid: .invalidArgument
        default: .failedPrecondition
        }
    }

    private static func code(_ code: AccessError.Code) -> Code {
        switch code {
        case .notFound: .notFound
        case .tooMany: .resourceExhausted
        case .inUse: .failedPrecondition
        default: .invalidArgument
        }
    }

    private static func code(_ code: VolumesError.Code) -> Code {
        switch code {
        case .notFound: .notFound
        case .invalid: .invalidArgument
        default: .unavailable
        }
    }

    private static func code(_ code: RunError.Code) -> Code {
        switch code {
        case .notFound: .notFound
        case .invalidOptions: .invalidArgument
        case .tooLarge: .resourceExhausted
        default: .failedPrecondition
        }
    }
}
