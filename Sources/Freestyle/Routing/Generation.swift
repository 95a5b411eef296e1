/// Which of Freestyle's API a path belongs to. They differ in the names of states and errors, and in what stands for silence.
enum Generation: Sendable, Hashable {
    /// `/v1`: the API of the guide.
    case first
    /// `/v5`: the current one.
    case fifth

    private static let firstPlaces = ["/v1/", "/auth/v1/", "/domains/v1/", "/dns/v1/", "/identity/v1/"]

    /// Nil for a path that is none of this API's.
    init?(path: String) {
        if path.hasPrefix("/v5/") {
            self = .fifth
        } else if Self.firstPlaces.contains(where: path.hasPrefix) {
            self = .first
        } else {
            return nil
        }
    }

    /// Whom a command or a file is for when nobody was named: nil is the template's own user.
    var defaultUser: String? {
        switch self {
        case .first: "root"
        case .fifth: nil
        }
    }
}
