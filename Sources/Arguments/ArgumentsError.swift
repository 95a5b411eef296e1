/// A line that was not understood, and why.
package struct ArgumentsError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong with the line. The list may grow.
    package struct Code: RawRepresentable, Sendable, Hashable {
        package var rawValue: String

        package init(rawValue: String) {
            self.rawValue = rawValue
        }

        package static let unknownCommand = Code(rawValue: "unknownCommand")
        package static let missingCommand = Code(rawValue: "missingCommand")
        package static let unknownOption = Code(rawValue: "unknownOption")
        package static let missingOption = Code(rawValue: "missingOption")
        package static let misplacedOption = Code(rawValue: "misplacedOption")
        package static let repeatedOption = Code(rawValue: "repeatedOption")
        package static let conflictingOptions = Code(rawValue: "conflictingOptions")
        package static let missingValue = Code(rawValue: "missingValue")
        package static let unexpectedValue = Code(rawValue: "unexpectedValue")
        package static let invalidValue = Code(rawValue: "invalidValue")
        package static let missingArgument = Code(rawValue: "missingArgument")
        package static let unexpectedArgument = Code(rawValue: "unexpectedArgument")
    }

    package var code: Code
    /// One or two sentences that begin in lower case, to be printed behind the program's name.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}

extension ArgumentsError {
    /// Makes an error whose message ends with the way to the help of `path`.
    init(_ code: Code, _ problem: String, at path: CommandPath) {
        let end = problem.hasSuffix("?") ? "" : "."
        self.init(code, "\(problem)\(end) See '\(path.text) --help'.")
    }
}

/// The word in quotes, fit for one line of a terminal: control characters are written out, and a long word is cut.
func quoted(_ word: String) -> String {
    let limit = 60
    var text = ""
    for scalar in word.unicodeScalars.prefix(limit) {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: text += scalar.escaped(asASCII: true)
        default: text.unicodeScalars.append(scalar)
        }
    }
    return word.unicodeScalars.count > limit ? "'\(text)…'" : "'\(text)'"
}
