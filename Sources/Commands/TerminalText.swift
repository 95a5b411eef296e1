/// Text from elsewhere, made fit for a terminal: what comes from a guest must not be able to move the cursor.
package enum TerminalText {
    /// One line: control characters and line ends become spaces.
    package static func line(_ text: String) -> String {
        clean(text) { _ in false }
    }

    /// Several lines: line ends and tabs stay.
    package static func lines(_ text: String) -> String {
        clean(text) { $0 == "\n" || $0 == "\t" }
    }

    private static func clean(_ text: String, keeping isKept: (Unicode.Scalar) -> Bool) -> String {
        var clean = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control where isKept(scalar): clean.append(scalar)
            case .control, .lineSeparator, .paragraphSeparator: clean.append(" ")
            // Marks that turn the direction of writing can make a line read as another.
            case .format where scalar != "\u{200D}": continue
            default: clean.append(scalar)
            }
        }
        return String(clean)
    }

    /// The columns that `text` takes; escapes for style take none.
    package static func width(_ text: String) -> Int {
        var width = 0
        var isEscape = false
        for character in text {
            if isEscape {
                if character.isLetter { isEscape = false }
            } else if character == "\u{1B}" {
                isEscape = true
            } else {
                width += columns(character)
            }
        }
        return width
    }

    /// The beginning of `text` that fits into `width` columns, with an ellipsis where something is left out.
    package static func clipped(_ text: String, to width: Int) -> String {
        guard self.width(text) > width else { return text }
        var clipped = ""
        var used = 0
        for character in text {
            let columns = columns(character)
            if used + columns > width - 1 { break }
            clipped.append(character)
            used += columns
        }
        return width > 0 ? clipped + "…" : ""
    }

    private static func columns(_ character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
            return 2
        default:
            return scalar.properties.generalCategory == .nonspacingMark ? 0 : 1
        }
    }
}

/// Colours, where there is somebody to see them.
package struct Style: Sendable {
    package let isOn: Bool

    package init(isOn: Bool) {
        self.isOn = isOn
    }

    func green(_ text: String) -> String { wrap(text, "32") }
    func yellow(_ text: String) -> String { wrap(text, "33") }
    func red(_ text: String) -> String { wrap(text, "31") }
    func bold(_ text: String) -> String { wrap(text, "1") }
    func dim(_ text: String) -> String { wrap(text, "2") }

    private func wrap(_ text: String, _ code: String) -> String {
        isOn && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
