/// What the steps so far have set for those that follow, and for the sandboxes of the template.
struct StepContext: Sendable, Hashable {
    /// As a guest's processes find it when nobody says otherwise.
    static let standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    var environment: [String: String]
    var user: String
    /// Absolute.
    var directory: String

    /// Takes what a step sets; what it does in the guest is somebody else's affair.
    mutating func apply(_ instruction: Instruction) {
        switch instruction {
        case .environment(let variables):
            for variable in variables { environment[variable.name] = substituted(variable.value) }
        case .directory(let path): directory = absolute(substituted(path))
        case .user(let name): user = substituted(name)
        case .run, .copy: break
        }
    }

    /// A path from where the steps are.
    func absolute(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        return directory.hasSuffix("/") ? directory + path : "\(directory)/\(path)"
    }

    /// Puts values in the places of `$NAME`, `${NAME}`, `${NAME:-word}` and `${NAME:+word}`; `\$` is a dollar.
    func substituted(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let character = rest.popFirst() {
            if character == "\\", let next = rest.first, next == "$" {
                result.append(rest.removeFirst())
            } else if character == "$" {
                result += takeReference(&rest)
            } else {
                result.append(character)
            }
        }
        return result
    }

    private func takeReference(_ rest: inout Substring) -> String {
        func isPart(_ character: Character) -> Bool {
            character.isASCII && (character.isLetter || character.isNumber || character == "_")
        }
        guard rest.first == "{" else {
            let name = rest.prefix(while: isPart)
            guard Instruction.isVariable(String(name)) else { return "$" }
            rest = rest.dropFirst(name.count)
            return value(String(name)) ?? ""
        }
        guard let end = rest.firstIndex(of: "}") else { return "$" }
        let body = rest[rest.index(after: rest.startIndex)..<end]
        let name = String(body.prefix(while: isPart))
        let modifier = body.dropFirst(name.count)
        guard Instruction.isVariable(name) else { return "$" }
        let found = value(name).flatMap { $0.isEmpty ? nil : $0 }
        let word = String(modifier.dropFirst(2))
        rest = rest[rest.index(after: end)...]
        switch modifier.prefix(2) {
        case "": return found ?? ""
        case ":-": return found ?? word
        case ":+": return found == nil ? "" : word
        default: return "${\(body)}"
        }
    }

    private func value(_ name: String) -> String? {
        environment[name] ?? (name == "PATH" ? Self.standardPath : nil)
    }
}
