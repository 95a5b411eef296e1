import FoundationEssentials

/// How a template is made from another one or from an image, step by step.
///
/// It is also what E2B's clients start a build with: the members have their names.
public struct TemplateSpec: Codable, Sendable, Hashable {
    /// The template to begin with; exactly one of this and ``fromImage`` is there.
    public var fromTemplate: String?
    /// The image to begin with: a name, or one of those that ``TemplateSpec`` users write as `oci:DIR`, `docker-archive:FILE`,
    /// `rootfs:FILE` and `docker://NAME`.
    public var fromImage: String?
    /// Who asks the image's registry. Never written down.
    public var fromImageRegistry: RegistryLogin?
    /// Uses no step that is there already.
    public var force: Bool?
    public var steps: [TemplateStep]?
    /// Runs in every sandbox from its first moment: it was started before the template was saved.
    public var startCmd: String?
    /// Succeeds when what ``startCmd`` started is ready.
    public var readyCmd: String?
    /// After how many seconds a `RUN` is taken for one that hangs, and ended; nil for an hour.
    public var stepSeconds: Int?

    public init(fromTemplate: String? = nil, fromImage: String? = nil, steps: [TemplateStep] = []) {
        self.fromTemplate = fromTemplate
        self.fromImage = fromImage
        self.steps = steps
    }
}

/// One step of a template: `RUN`, `COPY`, `ENV`, `WORKDIR` or `USER`, with arguments in E2B's order.
public struct TemplateStep: Codable, Sendable, Hashable {
    public var type: String
    public var args: [String]?
    /// Names what a `COPY` copies.
    public var filesHash: String?
    /// Makes this step, and those behind it, anew.
    public var force: Bool?

    public init(_ type: String, _ args: [String], filesHash: String? = nil) {
        self.type = type
        self.args = args
        self.filesHash = filesHash
    }
}

/// What a registry lets somebody in by.
public struct RegistryLogin: Codable, Sendable, Hashable {
    /// `registry`, which has a name and a password, or `gcp`; `aws` is E2B's and is refused by name.
    public var type: String
    public var username: String?
    public var password: String?
    /// Of `gcp`: the document of a service account, as text.
    public var serviceAccountJson: String?

    public init(type: String, username: String? = nil, password: String? = nil) {
        self.type = type
        self.username = username
        self.password = password
    }
}

/// How far a build is.
public enum TemplateBuildStatus: String, Codable, Sendable, Hashable {
    /// Its files are awaited, and then its start.
    case waiting
    case building
    case ready
    case error
}

/// A line of a build's log.
public struct TemplateLogLine: Codable, Sendable, Hashable {
    public enum Level: String, Codable, Sendable, Hashable, CaseIterable {
        case debug, info, warn, error
    }

    public var time: Date
    public var level: Level
    public var message: String
    /// `base` before the steps, then a step's number from 1, then `finalize`.
    public var step: String?

    public init(time: Date, level: Level, message: String, step: String?) {
        self.time = time
        self.level = level
        self.message = message
        self.step = step
    }
}
