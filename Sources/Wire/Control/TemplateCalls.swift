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
///
/// Without ``Request/spec`` it is made by the recipe of its name.
public enum BuildTemplate: StreamingCall {
    public static let name = "martlet.v1.Templates/Build"
    /// The names of what can be built.
    public static let recipes = ["base", "claude"]

    public struct Request: Codable, Sendable, Hashable {
        /// One of ``BuildTemplate/recipes``; with a ``spec``, any name, with a tag behind a colon or without.
        public var name: String
        /// What to make it of. A caller that goes away ends the build.
        public var spec: TemplateSpec?
        /// A Claude Code executable on the host to use instead of the pinned one.
        public var claudeBinary: String?
        /// A version of Claude Code to use instead of the pinned one, as PyPI has it; `latest` is the newest there.
        public var claudeVersion: String?
        public var processors: Int?
        public var memoryMiB: Int?
        public var diskMiB: Int?
        /// Makes every layer anew.
        public var noCache: Bool?
        /// What the steps of a ``spec`` may reach, and may not, as for a sandbox; with neither, what the daemon says of builds.
        public var allow: [String]?
        public var deny: [String]?

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
        /// A line of the build's log; of builds by a ``TemplateSpec`` alone.
        public var log: TemplateLogLine?
        /// The last event.
        public var template: TemplateInfo?

        public init(layer: Layer) { self.layer = layer }
        public init(line: String) { self.line = line }
        public init(log: TemplateLogLine) { self.log = log }
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

/// Keeps a gzipped tar archive that a `COPY` of a later build names; the bytes follow the request.
public enum UploadTemplateFiles: StreamingCall {
    public static let name = "martlet.v1.Templates/Upload"

    public struct Request: Codable, Sendable, Hashable {
        /// 64 hexadecimal digits that stand for what is copied.
        public var hash: String
        public init(hash: String) { self.hash = hash }
    }

    /// One, at the end.
    public struct Event: Codable, Sendable, Hashable {
        public var bytes: Int64
        public init(bytes: Int64) { self.bytes = bytes }
    }
}

/// Says whether the files of a `COPY` are there already.
public enum FindTemplateFiles: UnaryCall {
    public static let name = "martlet.v1.Templates/FindFiles"

    public struct Request: Codable, Sendable, Hashable {
        public var hash: String
        public init(hash: String) { self.hash = hash }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var isPresent: Bool
        public init(isPresent: Bool) { self.isPresent = isPresent }
    }
}

/// Tells how a template's builds went: the log of the last one, or of the one that is named.
public enum ReadTemplateLog: UnaryCall {
    public static let name = "martlet.v1.Templates/Log"

    public struct Request: Codable, Sendable, Hashable {
        public var name: String
        public var buildID: String?
        public init(name: String, buildID: String? = nil) {
            self.name = name
            self.buildID = buildID
        }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var buildID: String
        public var status: TemplateBuildStatus
        public var lines: [TemplateLogLine]
        public init(buildID: String, status: TemplateBuildStatus, lines: [TemplateLogLine]) {
            self.buildID = buildID
            self.status = status
            self.lines = lines
        }
    }
}

/// Gives a template further names: tags of the same name.
public enum TagTemplate: UnaryCall {
    public static let name = "martlet.v1.Templates/Tag"
    public typealias Response = Empty

    public struct Request: Codable, Sendable, Hashable {
        /// With a tag behind a colon, or without.
        public var name: String
        public var tags: [String]
        public init(name: String, tags: [String]) {
            self.name = name
            self.tags = tags
        }
    }
}

/// Writes a template into a file of the daemon's host. A caller that goes away ends it.
public enum ExportTemplate: StreamingCall {
    public static let name = "martlet.v1.Templates/Export"

    public struct Request: Codable, Sendable, Hashable {
        /// With a tag behind a colon, or without.
        public var name: String
        /// Absolute.
        public var path: String
        public init(name: String, path: String) {
            self.name = name
            self.path = path
        }
    }

    /// One, at the end.
    public struct Event: Codable, Sendable, Hashable {
        public var bytes: Int64
        public init(bytes: Int64) { self.bytes = bytes }
    }
}

/// Takes in a template from a file of the daemon's host. A caller that goes away ends it.
public enum ImportTemplate: StreamingCall {
    public static let name = "martlet.v1.Templates/Import"

    public struct Request: Codable, Sendable, Hashable {
        /// Absolute.
        public var path: String
        /// Nil for the name that it had.
        public var name: String?
        public init(path: String, name: String? = nil) {
            self.path = path
            self.name = name
        }
    }

    /// One, at the end.
    public struct Event: Codable, Sendable, Hashable {
        public var template: TemplateInfo
        public init(template: TemplateInfo) { self.template = template }
    }
}

/// What templates and what they are made of take on the disk.
public enum MeasureTemplates: UnaryCall {
    public static let name = "martlet.v1.Templates/Measure"

    public struct Request: Codable, Sendable, Hashable {
        /// Removes what no template needs and no build has used for a while, first.
        public var prunes: Bool?
        public init(prunes: Bool = false) { self.prunes = prunes ? true : nil }
    }

    public struct Item: Codable, Sendable, Hashable {
        public enum Kind: String, Codable, Sendable, Hashable {
            case template, image, step, files
        }
        public var kind: Kind
        public var name: String
        public var bytes: Int64
        public init(kind: Kind, name: String, bytes: Int64) {
            self.kind = kind
            self.name = name
            self.bytes = bytes
        }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var items: [Item]
        public init(items: [Item]) { self.items = items }
    }
}

/// All that is known of a template.
public enum GetTemplate: UnaryCall {
    public static let name = "martlet.v1.Templates/Get"

    public struct Request: Codable, Sendable, Hashable {
        /// With a tag behind a colon, or without.
        public var name: String
        public init(name: String) { self.name = name }
    }

    public struct Tag: Codable, Sendable, Hashable {
        public var tag: String
        public var buildID: String
        public init(tag: String, buildID: String) {
            self.tag = tag
            self.buildID = buildID
        }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var template: TemplateInfo
        public var user: String
        public var directory: String
        /// The names of the variables that its sandboxes have; values may be secrets.
        public var variables: [String]
        public var startCommand: String?
        public var tags: [Tag]

        public init(
            template: TemplateInfo,
            user: String,
            directory: String,
            variables: [String],
            startCommand: String?,
            tags: [Tag]
        ) {
            self.template = template
            self.user = user
            self.directory = directory
            self.variables = variables
            self.startCommand = startCommand
            self.tags = tags
        }
    }
}
