/// Understands instructions one after the other.
struct DockerfileParser {
    /// Values that were given for arguments.
    private let given: [String: String]
    /// Arguments that instructions may name from here on; before `FROM` they are that one's alone.
    private var arguments: [String: String] = [:]
    /// Variables that a step has set: what they are is known where the steps run.
    private var variables: Set<String> = []
    private var file: Dockerfile?
    private var entry: [String]?
    private var command: [String]?
    private var shellEntry: String?
    private var shellCommand: String?
    private var last = 1

    private static let ignored = ["LABEL", "EXPOSE", "VOLUME", "STOPSIGNAL", "HEALTHCHECK", "MAINTAINER"]

    init(arguments: [String: String]) {
        given = arguments
    }

    mutating func take(_ line: DockerfileLine) throws(DockerfileError) {
        last = line.number
        guard file != nil || line.keyword == "FROM" || line.keyword == "ARG" else {
            throw error(line, "the first instruction must be FROM, not \(line.keyword)")
        }
        switch line.keyword {
        case "FROM": try takeFrom(line)
        case "ARG": try takeArgument(line)
        case "RUN": try takeRun(line)
        case "COPY", "ADD": try takeCopy(line)
        case "ENV": try takeEnvironment(line)
        case "WORKDIR": add(line, .directory(substituted(try single(line))))
        case "USER": add(line, .user(substituted(try single(line))))
        case "CMD": (command, shellCommand) = try program(line)
        case "ENTRYPOINT": (entry, shellEntry) = try program(line)
        case let keyword where Self.ignored.contains(keyword):
            file?.notes.append("line \(line.number): \(keyword) does nothing here")
        case "SHELL", "ONBUILD":
            throw error(line, "\(line.keyword) is not supported")
        default:
            throw error(line, "there is no instruction '\(line.keyword)'")
        }
    }

    func finish() throws(DockerfileError) -> Dockerfile {
        guard var file else { throw DockerfileError(line: last, message: "there is no FROM in the file") }
        func words(_ list: [String]?, _ shell: String?) -> String? {
            if let shell { return shell }
            guard let list, !list.isEmpty else { return nil }
            return list.map(DockerfileWords.quoted).joined(separator: " ")
        }
        let parts = [words(entry, shellEntry), shellEntry == nil ? words(command, shellCommand) : nil].compactMap { $0 }
        file.start = parts.isEmpty ? nil : parts.joined(separator: " ")
        return file
    }

    // MARK: Instructions

    private mutating func takeFrom(_ line: DockerfileLine) throws(DockerfileError) {
        guard file == nil else {
            throw error(line, "a second FROM begins another stage, and builds in stages are not supported")
        }
        var rest = line.rest
        for flag in DockerfileWords.takeFlags(&rest) where flag.name != "platform" {
            throw error(line, "FROM does not know '--\(flag.name)'")
        }
        let words = rest.split { $0.isWhitespace }.map(String.init)
        guard words.count == 1 || (words.count == 3 && words[1].uppercased() == "AS") else {
            throw error(line, "FROM has an image, and perhaps 'AS' and a name")
        }
        let base = substituted(words[0])
        guard !base.isEmpty, !base.contains("$") else { throw error(line, "'\(words[0])' names no image") }
        file = Dockerfile(base: base)
        // Those from before it are not seen behind it.
        arguments = [:]
    }

    private mutating func takeArgument(_ line: DockerfileLine) throws(DockerfileError) {
        guard let words = DockerfileWords.split(line.rest), !words.isEmpty else {
            throw error(line, "ARG has a name, and perhaps '=' and a value")
        }
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard Self.isName(parts[0]) else { throw error(line, "'\(parts[0])' can not be an argument's name") }
            let value = given[parts[0]] ?? (parts.count > 1 ? substituted(parts[1]) : nil)
            if let value { arguments[parts[0]] = value }
        }
    }

    private mutating func takeRun(_ line: DockerfileLine) throws(DockerfileError) {
        var rest = line.rest
        for flag in DockerfileWords.takeFlags(&rest) {
            guard flag.name == "network" || flag.name == "security" else {
                throw error(line, "RUN --\(flag.name) is not supported")
            }
        }
        var command = DockerfileWords.list(rest).map { $0.map(DockerfileWords.quoted).joined(separator: " ") } ?? rest
        guard !command.isEmpty else { throw error(line, "RUN has no command") }
        if let first = line.documents.first, line.documents.count == 1,
            HereDocument.openings(in: rest).count == 1, rest.hasPrefix("<<"),
            rest.allSatisfy({ !$0.isWhitespace })
        {
            // The document is the script; a first line says what runs it.
            command =
                first.text.hasPrefix("#!")
                ? "script=$(mktemp) && cat > \"$script\" <<'\(first.name)'\n\(first.text)\(first.name)\n"
                    + "chmod 700 \"$script\" && \"$script\"; status=$?; rm -f \"$script\"; exit $status"
                : first.text.trimmedEnd
        } else {
            for document in line.documents { command += "\n\(document.text)\(document.name)" }
        }
        guard !command.isEmpty else { throw error(line, "RUN has no command") }
        let named = arguments.keys.filter { command.contains($0) && !variables.contains($0) }.sorted()
        let exports = named.map { "export \($0)=\(DockerfileWords.quoted(arguments[$0] ?? "")); " }.joined()
        add(line, .run(exports + command))
    }

    private mutating func takeCopy(_ line: DockerfileLine) throws(DockerfileError) {
        var rest = line.rest
        var owner: String?
        var mode: String?
        for flag in DockerfileWords.takeFlags(&rest) {
            switch flag.name {
            case "chown": owner = substituted(flag.value)
            case "chmod":
                guard (3...4).contains(flag.value.utf8.count), Int(flag.value, radix: 8) != nil else {
                    throw error(line, "--chmod takes octal digits such as 755, not '\(flag.value)'")
                }
                mode = flag.value
            case "link": break
            default: throw error(line, "\(line.keyword) --\(flag.name) is not supported")
            }
        }
        guard var words = DockerfileWords.list(rest) ?? DockerfileWords.split(rest) else {
            throw error(line, "a quote is not closed")
        }
        words = words.map { substituted($0) }
        guard words.count >= 2, let destination = words.popLast(), !destination.isEmpty else {
            throw error(line, "\(line.keyword) has sources and a destination")
        }
        let place = words.count > 1 && !destination.hasSuffix("/") ? destination + "/" : destination
        var documents = line.documents[...]
        for source in words {
            if source.hasPrefix("<<"), let document = documents.popFirst() {
                let text = document.isLiteral ? document.text : substituted(document.text)
                let action = Dockerfile.Step.Action.write(
                    name: document.name,
                    text: text,
                    destination: place,
                    owner: owner,
                    mode: mode
                )
                add(line, action)
                continue
            }
            guard !source.contains("://"), !source.hasPrefix("git@") else {
                throw error(line, "'\(source)' is not in the context, and nothing is fetched from elsewhere")
            }
            guard !source.split(separator: "/").contains("..") else {
                throw error(line, "'\(source)' leads out of the context")
            }
            guard !source.isEmpty else { throw error(line, "a source is empty") }
            add(line, .copy(source: source, destination: place, owner: owner, mode: mode))
        }
    }

    private mutating func takeEnvironment(_ line: DockerfileLine) throws(DockerfileError) {
        guard let words = DockerfileWords.split(line.rest) else { throw error(line, "a quote is not closed") }
        guard let first = words.first else { throw error(line, "ENV has names and values") }
        var all: [Dockerfile.Variable] = []
        if first.contains("=") {
            for word in words {
                let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                guard parts.count == 2 else { throw error(line, "'\(word)' has no '=' and a value") }
                all.append(.init(name: parts[0], value: substituted(parts[1])))
            }
        } else {
            let value = String(line.rest.dropFirst(line.rest.prefix { !$0.isWhitespace }.count)).trimmed
            guard !value.isEmpty else { throw error(line, "'\(first)' has no value") }
            all = [.init(name: first, value: substituted(value))]
        }
        for variable in all {
            guard Self.isName(variable.name) else {
                throw error(line, "'\(variable.name)' can not be a variable's name")
            }
            variables.insert(variable.name)
        }
        add(line, .environment(all))
    }

    private func program(_ line: DockerfileLine) throws(DockerfileError) -> ([String]?, String?) {
        if let list = DockerfileWords.list(line.rest) { return (list, nil) }
        guard !line.rest.isEmpty else { throw error(line, "\(line.keyword) has no command") }
        return (nil, line.rest)
    }

    private func single(_ line: DockerfileLine) throws(DockerfileError) -> String {
        guard let words = DockerfileWords.split(line.rest), words.count == 1, !words[0].isEmpty else {
            throw error(line, "\(line.keyword) has exactly one word")
        }
        return words[0]
    }

    // MARK: Parts

    private mutating func add(_ line: DockerfileLine, _ action: Dockerfile.Step.Action) {
        file?.steps.append(Dockerfile.Step(line: line.number, action: action))
    }

    /// Puts arguments in their places. What a step has set, or nobody, stays as it is for who runs the steps.
    private func substituted(_ text: String) -> String {
        guard text.contains("$"), !arguments.isEmpty else { return text }
        var result = ""
        var rest = text[...]
        while let character = rest.popFirst() {
            if character == "\\", let next = rest.popFirst() {
                result.append(character)
                result.append(next)
                continue
            }
            guard character == "$" else {
                result.append(character)
                continue
            }
            let isBraced = rest.first == "{"
            let body = isBraced ? rest.dropFirst() : rest
            let name = body.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
            let after = body.dropFirst(name.count)
            guard let value = arguments[String(name)], !variables.contains(String(name)),
                !isBraced || after.first == "}"
            else {
                result.append("$")
                continue
            }
            result += value
            rest = isBraced ? after.dropFirst() : after
        }
        return result
    }

    private static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x5F
        }
    }

    private func error(_ line: DockerfileLine, _ message: String) -> DockerfileError {
        DockerfileError(line: line.number, message: message)
    }
}
