/// What a column of a row can hold.
package enum Value: Sendable, Hashable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case blob([UInt8])
}

/// Something that can stand in the place of a `?`.
package protocol Bindable: Sendable {
    var value: Value { get }
}

extension Value: Bindable {
    package var value: Value { self }
}

extension Int: Bindable {
    package var value: Value { .integer(Int64(self)) }
}

extension Int64: Bindable {
    package var value: Value { .integer(self) }
}

extension Bool: Bindable {
    /// SQLite has no booleans: 1 or 0.
    package var value: Value { .integer(self ? 1 : 0) }
}

extension Double: Bindable {
    package var value: Value { .real(self) }
}

extension String: Bindable {
    package var value: Value { .text(self) }
}

extension [UInt8]: Bindable {
    package var value: Value { .blob(self) }
}

extension Optional: Bindable where Wrapped: Bindable {
    package var value: Value { map(\.value) ?? .null }
}
