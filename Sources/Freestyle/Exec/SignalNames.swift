import Glibc

/// The signals by the words that a guest tells them with.
enum SignalNames {
    private static let numbers: [String: Int32] = Dictionary(
        (1..<32).compactMap { number in strsignal(number).map { (String(cString: $0).lowercased(), number) } },
        uniquingKeysWith: { first, _ in first }
    )

    static func number(of words: String) -> Int32? { numbers[words] }
}
