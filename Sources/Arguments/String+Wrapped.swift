extension String {
    /// The text in lines of at most `width` characters, broken at spaces.
    ///
    /// Line breaks stay. A line that begins with a space stays as it is, and so does a word that is longer than a line.
    func wrapped(to width: Int) -> [String] {
        split(separator: "\n", omittingEmptySubsequences: false).flatMap { line -> [String] in
            if line.isEmpty || line.hasPrefix(" ") { return [String(line)] }
            var lines: [String] = []
            for word in line.split(separator: " ") {
                if let last = lines.last, last.count + 1 + word.count <= width {
                    lines[lines.count - 1] += " \(word)"
                } else {
                    lines.append(String(word))
                }
            }
            return lines
        }
    }
}
