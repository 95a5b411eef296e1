import FoundationEssentials
import Wire

/// The members of an object in a request; what is wrong with one is told by its name.
struct Members: Sendable, Hashable {
    /// A member that may be set, taken away or left as it is.
    enum Change<Value: Sendable & Hashable>: Sendable, Hashable {
        case keep
        /// It was `null`.
        case clear
        case set(Value)
    }

    private let values: [String: JSONValue]
    /// Where the object is in the body, as a prefix of its members' names.
    private let place: String

    init(_ values: [String: JSONValue], in place: String = "") {
        self.values = values
        self.place = place
    }

    var names: Set<String> { Set(values.keys) }

    private func path(_ name: String) -> String { place + name }

    private func member<Value: Hashable & Sendable>(_ name: String, _ words: String, _ read: (JSONValue) -> Value?)
        throws -> Change<Value>
    {
        switch values[name] {
        case nil: return .keep
        case .null?: return .clear
        case let value?:
            guard let read = read(value) else { throw FreestyleError.badRequest("'\(path(name))' must be \(words)") }
            return .set(read)
        }
    }

    private func value<Value>(_ change: Change<Value>) -> Value? {
        if case .set(let value) = change { value } else { nil }
    }

    subscript(name: String) -> JSONValue? { values[name] }

    // MARK: Kinds

    func stringChange(_ name: String) throws -> Change<String> { try member(name, "a string") { $0.string } }

    func string(_ name: String) throws -> String? { value(try stringChange(name)) }

    func text(_ name: String) throws -> String {
        guard let text = try string(name) else { throw FreestyleError.badRequest("'\(path(name))' is missing") }
        return text
    }

    func bool(_ name: String) throws -> Bool? { value(try member(name, "true or false") { $0.bool }) }

    func integerChange(_ name: String, in range: ClosedRange<Int64>) throws -> Change<Int64> {
        let change = try member(name, "an integer") { $0.integer }
        if case .set(let number) = change, !range.contains(number) { throw Self.outOfRange(path(name), range) }
        return change
    }

    func integer(_ name: String, in range: ClosedRange<Int64>) throws -> Int64? {
        value(try integerChange(name, in: range))
    }

    /// A number of at least zero.
    func number(_ name: String) throws -> Double? {
        guard let number = value(try member(name, "a number") { $0.number }) else { return nil }
        guard number >= 0, number <= Self.largestNumber else {
            throw FreestyleError.badRequest("'\(path(name))' must be a number from 0 to \(Int64(Self.largestNumber))")
        }
        return number
    }

    private static let largestNumber = 1e9

    func object(_ name: String) throws -> Members? {
        value(try member(name, "an object") { $0.object }).map { Members($0, in: "\(path(name)).") }
    }

    /// Pairs of names and texts.
    func texts(_ name: String) throws -> [String: String]? {
        guard let members = try object(name) else { return nil }
        return try members.names.reduce(into: [:]) { texts, name in texts[name] = try members.text(name) }
    }

    func objects(_ name: String) throws -> [Members]? {
        guard let list = value(try member(name, "a list") { $0.array }) else { return nil }
        return try list.enumerated().map { index, element in
            guard let members = element.object else {
                throw FreestyleError.badRequest("'\(path(name)).\(index)' must be an object")
            }
            return Members(members, in: "\(path(name)).\(index).")
        }
    }

    func strings(_ name: String) throws -> [String]? {
        guard let list = value(try member(name, "a list") { $0.array }) else { return nil }
        return try list.enumerated().map { index, element in
            guard let text = element.string else {
                throw FreestyleError.badRequest("'\(path(name)).\(index)' must be a string")
            }
            return text
        }
    }

    func base64(_ name: String) throws -> [UInt8]? {
        guard let text = try string(name) else { return nil }
        guard let data = Data(base64Encoded: text) else {
            throw FreestyleError.badRequest("'\(path(name))' must be in base64")
        }
        return Array(data)
    }

    /// Refuses what is not known, where a typing error would do harm.
    func allow(only known: Set<String>) throws {
        if let name = names.subtracting(known).min() {
            let all = known.sorted().map { "'\($0)'" }.joined(separator: ", ")
            throw FreestyleError.badRequest("'\(path(name))' is not known here; there are \(all)")
        }
    }

    static func outOfRange(_ name: String, _ range: ClosedRange<Int64>) -> FreestyleError {
        .badRequest(
            range.upperBound == .max
                ? "'\(name)' must be an integer of \(range.lowerBound) or more"
                : "'\(name)' must be an integer from \(range.lowerBound) to \(range.upperBound)"
        )
    }
}
