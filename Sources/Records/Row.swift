/// The row that a query stands on, valid only inside the closure that gets it.
///
/// Each value is read as exactly the type that was stored: SQLite's own conversions, which make 0 of any text, are not used.
package struct Row: ~Copyable {
    private let columns: [String]
    private let values: [Value]
    private let path: String

    init(columns: [String], values: [Value], path: String) {
        self.columns = columns
        self.values = values
        self.path = path
    }

    package func text(_ column: String) throws(RecordsError) -> String {
        try present(optionalText(column), column, "text")
    }

    package func optionalText(_ column: String) throws(RecordsError) -> String? {
        switch try value(column) {
        case .null: nil
        case .text(let text): text
        default: throw mismatch(column, "text")
        }
    }

    package func integer(_ column: String) throws(RecordsError) -> Int {
        try present(optionalInteger(column), column, "an integer")
    }

    package func optionalInteger(_ column: String) throws(RecordsError) -> Int? {
        switch try value(column) {
        case .null: nil
        case .integer(let number): Int(number)
        default: throw mismatch(column, "an integer")
        }
    }

    /// Reads 1 or 0.
    package func boolean(_ column: String) throws(RecordsError) -> Bool {
        switch try value(column) {
        case .integer(1): true
        case .integer(0): false
        default: throw mismatch(column, "1 or 0")
        }
    }

    /// Reads a real number; an integer is one too.
    package func real(_ column: String) throws(RecordsError) -> Double {
        try present(optionalReal(column), column, "a real number")
    }

    package func optionalReal(_ column: String) throws(RecordsError) -> Double? {
        switch try value(column) {
        case .null: nil
        case .real(let number): number
        case .integer(let number): Double(number)
        default: throw mismatch(column, "a real number")
        }
    }

    package func blob(_ column: String) throws(RecordsError) -> [UInt8] {
        try present(optionalBlob(column), column, "a blob")
    }

    package func optionalBlob(_ column: String) throws(RecordsError) -> [UInt8]? {
        switch try value(column) {
        case .null: nil
        case .blob(let bytes): bytes
        default: throw mismatch(column, "a blob")
        }
    }

    /// The value as it is stored.
    package func value(_ column: String) throws(RecordsError) -> Value {
        guard let index = columns.firstIndex(of: column) else {
            throw RecordsError(.misuse, "A query of the records in '\(path)' has no column '\(column)'")
        }
        guard index == columns.lastIndex(of: column) else {
            throw RecordsError(
                .misuse,
                "A query of the records in '\(path)' has two columns '\(column)'; rename one with AS"
            )
        }
        return values[index]
    }

    private func present<Result>(
        _ value: Result?,
        _ column: String,
        _ expected: String
    ) throws(RecordsError) -> Result {
        guard let value else { throw mismatch(column, expected) }
        return value
    }

    private func mismatch(_ column: String, _ expected: String) -> RecordsError {
        RecordsError(.unexpectedType, "The column '\(column)' of the records in '\(path)' does not hold \(expected)")
    }
}
