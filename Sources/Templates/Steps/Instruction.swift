import Wire

/// One step of a template, checked.
enum Instruction: Sendable, Hashable {
    /// A command for the shell. Without a user, by who is the user then.
    case run(String, user: String?)
    case copy(Copy)
    /// Variables, in their order: a later one may name an earlier one.
    case environment([Variable])
    case directory(String)
    case user(String)

    struct Copy: Sendable, Hashable {
        /// What of the archive: a path, or a pattern of paths.
        var source: String
        var destination: String
        var user: String?
        /// Octal digits.
        var mode: String?
        /// Names the archive.
        var files: String
    }

    struct Variable: Sendable, Hashable {
        var name: String
        var value: String
    }

    private static let lengthLimit = 128 * 1024

    init(_ step: TemplateStep) throws(TemplateError) {
        let args = step.args ?? []
        func bad(_ what: String) -> TemplateError { TemplateError(.invalidRequest, "A step \(step.type) \(what)") }
        func optional(_ index: Int) -> String? { args.count > index && !args[index].isEmpty ? args[index] : nil }
        guard args.allSatisfy({ !$0.utf8.contains(0) && $0.utf8.count <= Self.lengthLimit }) else {
            throw bad("can not have null bytes, or more than \(Self.lengthLimit) bytes in an argument")
        }
        switch step.type.uppercased() {
        case "RUN":
            guard let command = optional(0), args.count <= 2 else { throw bad("has a command, and perhaps a user") }
            self = .run(command, user: optional(1))
        case "COPY", "ADD":
            guard let source = optional(0), let destination = optional(1), args.count <= 4 else {
                throw bad("has a source and a destination, and perhaps a user and a mode")
            }
            guard let files = step.filesHash, UploadedFiles.isHash(files) else {
                throw bad("names its files by a hash of 64 hexadecimal digits")
            }
            let mode = optional(3)
            if let mode, !(3...5).contains(mode.utf8.count) || !mode.utf8.allSatisfy({ (0x30...0x37).contains($0) }) {
                throw bad("has a mode of octal digits, such as 0644, and not '\(mode)'")
            }
            self = .copy(Copy(source: source, destination: destination, user: optional(2), mode: mode, files: files))
        case "ENV":
            guard !args.isEmpty, args.count.isMultiple(of: 2) else { throw bad("has names and values in pairs") }
            let variables = stride(from: 0, to: args.count, by: 2).map { Variable(name: args[$0], value: args[$0 + 1]) }
            for variable in variables where !Self.isVariable(variable.name) {
                throw bad("can not set '\(variable.name)': a name is made of letters, digits and underscores")
            }
            self = .environment(variables)
        case "WORKDIR":
            guard args.count == 1, let path = optional(0) else { throw bad("has one path") }
            self = .directory(path)
        case "USER":
            guard args.count == 1, let name = optional(0), !name.contains("\n") else { throw bad("has one name") }
            self = .user(name)
        default:
            throw TemplateError(
                .invalidRequest,
                "There is no step '\(step.type)'; there are RUN, COPY, ENV, WORKDIR and USER"
            )
        }
    }

    static func isVariable(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
        }
    }

    /// As a person would write it, for the log.
    var title: String {
        switch self {
        case .run(let command, _): "RUN \(command)"
        case .copy(let copy): "COPY \(copy.source) \(copy.destination)"
        // Values may be secrets that whoever wrote them takes for hidden.
        case .environment(let variables): "ENV \(variables.map(\.name).joined(separator: " "))"
        case .directory(let path): "WORKDIR \(path)"
        case .user(let name): "USER \(name)"
        }
    }
}
