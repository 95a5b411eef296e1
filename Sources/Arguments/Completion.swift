/// What a shell offers in the place of a value.
package enum Completion: Sendable, Hashable {
    case none
    case files
    case directories
    /// These words. They are offered, not enforced: ``Invocation/choice(_:as:)`` does that.
    case values([String])
}
