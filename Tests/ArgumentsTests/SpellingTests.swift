import Testing

@testable import Arguments

@Suite struct `a spelling` {
    @Test(arguments: [
        ("", "", 0), ("abc", "", 3), ("", "abc", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("ca", "abc", 2),
        ("kitten", "sitting", 3), ("a cat", "an abct", 3), ("rnu", "run", 1), ("schema", "shema", 1),
    ])
    func `is as far from another as the edits between them`(_ left: String, _ right: String, _ distance: Int) {
        #expect(editDistance(Array(left), Array(right)) == distance)
        #expect(editDistance(Array(right), Array(left)) == distance)
    }

    @Test(arguments: [
        ("rnu", "run"), ("ru", "run"), ("exce", "exec"), ("templat", "template"), ("x", nil), ("", nil), ("--", nil),
        ("runz", "run"), ("unrelated", nil), ("e", nil),
    ])
    func `is corrected only to what is near`(_ word: String, _ expected: String?) {
        #expect(nearest(to: word, among: ["run", "runs", "exec", "template"]) == expected)
    }
}
