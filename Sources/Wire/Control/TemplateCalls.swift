import FoundationEssentials

/// A template, as its users see it.
public struct TemplateInfo: Codable, Sendable, Hashable {
    public var name: String
    public var buildID: String
    public var created: Date
    public var processors: Int
    public var memoryMiB: Int
    public var diskMiB: Int
    /// Versions of what is in it.
    public var contents: [String: String]
    /// Why it can not be used; nil when it can.
    public var problem: String?

    public init(
        name: String,
        buildID: String,
        created: Date,
        processors: Int,
        memoryMiB: Int,
        diskMiB: Int,
        contents: [String: String],
        problem: String?
    ) {
        self.name = name
        self.buildID = buildID
        self.created = created
        self.processors = processors
        self.memoryMiB = memoryMiB
        self.diskMiB = diskMiB
        self.contents = contents
        self.problem = problem
    }
}

/// Lists the templates.
public enum ListTemplates: UnaryCall {
    public static let name = "martlet.v1.Templates/List"
    public typealias Request = Empty

    public struct Response: Codable, Sendable, Hashable {
        public var templates: [TemplateInfo]
        public init(templates: [TemplateInfo]) { self.templates = templates }
    }
}

/// Builds a template; the name points to the new one only when it is whole.
public enum BuildTemplate: StreamingCall {
    public static let name = "martlet.v1.Templates/Build"
    /// The names of what can be built.
    public static let recipes = ["base", "claude"]

    public struct Request: Codable, Sendable, Hashable {
        /// One of ``BuildTemplate/recipes``.
        public var name: String
        /// A Claude Code executable on the host to use instead of the pinned one.
        public var claudeBinary: String?
        public var processors: Int?
        public var memoryMiB: Int?
        public var diskMiB: Int?
        /// Makes every layer anew.
        public var noCache: Bool?

        public init(name: String) { self.name = name }
    }

    /// Each event has one of its members.
    public struct Event: Codable, Sendable, Hashable {
        public struct Layer: Codable, Sendable, Hashable {
            public var name: String
            /// Nil when the layer begins.
            public var milliseconds: Int?
            public var isCached: Bool?

            public init(name: String, milliseconds: Int? = nil, isCached: Bool? = nil) {
                self.name = name
                self.milliseconds = milliseconds
                self.isCached = isCached
            }
        }

        public var layer: Layer?
        /// A line of what a tool wrote.
        public var line: String?
        /// The last event.
        public var template: TemplateInfo?

        public init(layer: Layer) { self.layer = layer }
        public init(line: String) { self.line = line }
        public init(template: TemplateInfo) { self.template = template }
    }
}

/// Removes a template.
public enum RemoveTemplate: UnaryCall {
    public static let name = "martlet.v1.Templates/Remove"
    public typealias Response = Empty

    public struct Request: Codable, Sendable, Hashable {
        public var name: String
        public init(name: String) { self.name = name }
    }
}
