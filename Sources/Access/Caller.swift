/// Who makes a request.
package enum Caller: Sendable, Hashable {
    /// Whoever can open the daemon's own socket, which is the installation's user: may see everybody's sandboxes.
    case local
    /// Whoever holds a key of this owner.
    case owner(Owner, key: APIKey? = nil)

    /// Whom the things belong to that the caller makes.
    package var owner: Owner {
        switch self {
        case .local: .installation
        case .owner(let owner, _): owner
        }
    }

    /// The key that was shown.
    package var key: APIKey? {
        switch self {
        case .local: nil
        case .owner(_, let key): key
        }
    }

    /// Who makes the request that is being answered, where a protocol has no place to say it.
    @TaskLocal package static var current = Caller.local

    /// Whether something of `owner` is there for the caller at all.
    package func sees(_ owner: Owner) -> Bool {
        switch self {
        case .local: true
        case .owner(let mine, _): mine == owner
        }
    }

    /// Whether the caller may change what all owners share: the daemon, its templates, the keys of others.
    package var managesInstallation: Bool { owner == .installation }
}
