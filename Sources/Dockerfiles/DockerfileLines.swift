/// An instruction with all that belongs to it, before anything of it is understood.
struct DockerfileLine: Hashable {
    struct Document: Hashable {
        /// As the redirection names it.
        var name: String
        var text: String
        /// Whether variables in it stay as they are: the name was quoted.
        var isLiteral: Bool
    }

    /// Where it begins, from 1.
    var number: Int
    /// In capitals.
    var keyword: String
    /// What follows the keyword, on one line, here-documents' bodies not included.
    var rest: String
    var documents: [Document] = []
}

/// Cuts a Dockerfile into instructions: comments go, continued lines are joined, here-documents are collected.
enum DockerfileLines {
    /// A Dockerfile beyond this is none.
    static let sizeLimit = 4 * 1024 * 1024

    static func split(_ text: String) throws(DockerfileError) -> [DockerfileLine] {
        guard text.utf8.count <= sizeLimit else {
            throw DockerfileError(line: 1, message: "the file is larger than \(sizeLimit >> 20) MiB")
        }
        guard !text.utf8.contains(0) else { throw DockerfileError(line: 1, message: "the file has a null byte in it") }
        let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }.map(String.init)
        let escape = escapeCharacter(lines)
        var result: [DockerfileLine] = []
        var index = 0
        while index < lines.count {
            let start = index
            var whole = ""
            var isContinued = true
            while isContinued, index < lines.count {
                let line = lines[index]
                index += 1
                // A comment or an empty line inside a continued instruction does not end it.
                let content = line.trimmed
                if content.hasPrefix("#") || (content.isEmpty && !whole.isEmpty) {
                    isContinued = !whole.isEmpty; continue
                }
                let trimmed = line.trimmedEnd
                if trimmed.last == escape {
                    whole += trimmed.dropLast()
                } else {
                    whole += line
                    isContinued = false
                }
            }
            let content = whole.trimmed
            if content.isEmpty { continue }
            let keyword = content.prefix { !$0.isWhitespace }
            var line = DockerfileLine(
                number: start + 1,
                keyword: keyword.uppercased(),
                rest: String(content.dropFirst(keyword.count)).trimmed
            )
            if ["RUN", "COPY", "ADD"].contains(line.keyword) {
                line.documents = try documents(of: line, lines, &index)
            }
            result.append(line)
        }
        return result
    }

    /// `# escape=` in one of the first lines, before anything else.
    private static func escapeCharacter(_ lines: [String]) -> Character {
        for line in lines {
            let content = line.trimmed
            guard content.hasPrefix("#") else { break }
            let directive = content.dropFirst().filter { !$0.isWhitespace }.lowercased()
            guard directive.contains("=") else { break }
            if directive == "escape=`" { return "`" }
        }
        return "\\"
    }

    private static func documents(of line: DockerfileLine, _ lines: [String], _ index: inout Int)
        throws(DockerfileError) -> [DockerfileLine.Document]
    {
        var documents: [DockerfileLine.Document] = []
        for opening in HereDocument.openings(in: line.rest) {
            var text = ""
            var isClosed = false
            while index < lines.count {
                var content = lines[index]
                index += 1
                if opening.stripsTabs { content = String(content.drop { $0 == "\t" }) }
                if content == opening.name {
                    isClosed = true
                    break
                }
                text += content + "\n"
            }
            guard isClosed else {
                throw DockerfileError(line: line.number, message: "the here-document '\(opening.name)' has no end")
            }
            documents.append(.init(name: opening.name, text: text, isLiteral: opening.isQuoted))
        }
        return documents
    }
}

/// The beginning of a here-document: `<<EOF`, `<<-EOF`, `<<"EOF"`.
struct HereDocument: Hashable {
    var name: String
    var stripsTabs: Bool
    var isQuoted: Bool

    /// Those in a line, outside of quotes.
    static func openings(in line: String) -> [HereDocument] {
        var found: [HereDocument] = []
        var quote: Character?
        var rest = line[...]
        while let character = rest.popFirst() {
            if let open = quote {
                if character == open { quote = nil } else if character == "\\", open == "\"" { _ = rest.popFirst() }
            } else if character == "'" || character == "\"" {
                quote = character
            } else if character == "\\" {
                _ = rest.popFirst()
            } else if character == "<", rest.first == "<" {
                rest.removeFirst()
                // Three are another thing: a string for standard input.
                if rest.first == "<" {
                    rest = rest.drop { $0 == "<" }
                    continue
                }
                if let opening = take(&rest) { found.append(opening) }
            }
        }
        return found
    }

    private static func take(_ rest: inout Substring) -> HereDocument? {
        var after = rest
        let stripsTabs = after.first == "-"
        if stripsTabs { after.removeFirst() }
        let quote = after.first.flatMap { $0 == "'" || $0 == "\"" ? $0 : nil }
        if quote != nil { after.removeFirst() }
        let name = after.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "_-.".contains($0)) }
        guard let first = name.first, !first.isNumber else { return nil }
        after = after.dropFirst(name.count)
        if let quote {
            guard after.first == quote else { return nil }
            after.removeFirst()
        }
        rest = after
        return HereDocument(name: String(name), stripsTabs: stripsTabs, isQuoted: quote != nil)
    }
}

extension StringProtocol {
    var trimmedEnd: String {
        var text = Substring(self)
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }

    var trimmed: String { String(trimmedEnd.drop { $0.isWhitespace }) }
}
