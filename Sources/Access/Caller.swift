/// Who makes a request.
package enum Caller: Sendable, Hashable {
    /// Whoever can open the daemon's own socket, which is the installation's user: may see everybody's sandboxes.
    case local
    /// Whoever holds a key of this owner.
    case owner(Owner)

    /// Whom the things belong to that the caller makes.
    package var owner: Owner {
        switch self {
        case .local: .installation
        case .owner(let owner): owner
        }
    }

    /// Whether something of `owner` is there for the caller at all.
    package func sees(_ owner: Owner) -> Bool {
        switch self {
        case .local: true
        case .owner(let mine): mine == owner
        }
    }

    /// Whether the caller may change what all owners share: the daemon, its templates, the keys of others.
    package var managesInstallation: Bool { owner == .installation }
}
