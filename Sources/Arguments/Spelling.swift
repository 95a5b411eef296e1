/// The candidate that `word` was most likely meant to be, or none when nothing is near.
///
/// Near is a third of the letters, or a candidate that `word` begins. Of two that are as near, the earlier one wins.
func nearest(to word: String, among candidates: [String]) -> String? {
    let typed = letters(word)
    guard !typed.isEmpty, typed.count <= 64 else { return nil }
    let ranked = candidates.map { candidate in
        let wanted = letters(candidate)
        let isBegun = typed.count >= 2 && wanted.starts(with: typed)
        let allowed = max(1, min(typed.count, wanted.count) / 3)
        return (candidate, isBegun ? 1 : editDistance(typed, wanted), allowed)
    }
    return ranked.filter { $0.1 <= $0.2 }.min { $0.1 < $1.1 }?.0
}

/// Lower case, without the dashes of an option: they are no part of the spelling.
private func letters(_ word: String) -> [Character] {
    Array(word.lowercased().drop { $0 == "-" })
}

/// The Damerau-Levenshtein distance: insertions, deletions, substitutions, and swaps of neighbours, even when the two
/// letters that were swapped have others between them afterwards.
func editDistance(_ left: [Character], _ right: [Character]) -> Int {
    let far = left.count + right.count
    // Rows and columns are shifted by two: one for the empty word, one for a border that no swap may cross.
    var cost = Array(repeating: Array(repeating: far, count: right.count + 2), count: left.count + 2)
    for row in 0...left.count { cost[row + 1][1] = row }
    for column in 0...right.count { cost[1][column + 1] = column }
    var lastRow: [Character: Int] = [:]
    for (row, letter) in left.enumerated() {
        var lastColumn = 0
        for (column, other) in right.enumerated() {
            let swapRow = lastRow[other] ?? 0
            let swapColumn = lastColumn
            if letter == other { lastColumn = column + 1 }
            let swap = cost[swapRow][swapColumn] + (row - swapRow) + 1 + (column - swapColumn)
            cost[row + 2][column + 2] = min(
                cost[row + 1][column + 1] + (letter == other ? 0 : 1),
                cost[row + 2][column + 1] + 1,
                cost[row + 1][column + 2] + 1,
                swap
            )
        }
        lastRow[letter] = row + 1
    }
    return cost[left.count + 1][right.count + 1]
}
