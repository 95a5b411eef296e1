import HTTP
import Linux
import Wire

/// Finds out for whom a request is, and where that user's relative paths begin.
struct Requesters: Sendable {
    let users: Users
    let authority: Authority

    /// For a call: the user is in the `Authorization` header.
    func place(_ headers: Headers) async throws -> Place {
        let named = try Users.name(headers)
        return try await place(named, CallError(.unauthenticated, "invalid username: '\(named ?? "")'"))
    }

    /// For a plain request: the user is in the query.
    func place(_ request: RequestHead) async throws -> Place {
        try await place(named: request.query["username"])
    }

    /// For a plain request that names the user elsewhere; absent or empty is the default one.
    func place(named user: String?) async throws -> Place {
        let named = user.flatMap { $0.isEmpty ? nil : $0 }
        let name = named ?? authority.surroundings.defaultUser ?? Users.fallback
        return try await place(named, HTTPError(401, "error looking up user '\(name)': user: unknown user \(name)"))
    }

    private func place(_ named: String?, _ unknown: any Error & Sendable) async throws -> Place {
        let surroundings = authority.surroundings
        let name = named ?? surroundings.defaultUser ?? Users.fallback
        guard let account = try await BlockingPool.run({ [users] in users.find(name) }) else { throw unknown }
        return Place(account: account, surroundings: surroundings)
    }
}

/// A user and the directory where relative paths begin.
struct Place: Sendable {
    var account: Account
    var surroundings: Authority.Surroundings

    /// Makes a path absolute: relative ones begin in the default directory, or at home; `~` is home.
    func resolve(_ path: String) throws(CallError) -> String {
        if path.hasPrefix("~") {
            guard path == "~" || path.hasPrefix("~/") else {
                throw CallError(.invalidArgument, "The home of another user can not be written as '\(path)'")
            }
            return try Self.tidied(account.home + path.dropFirst())
        }
        if path.hasPrefix("/") { return try Self.tidied(path) }
        let base = surroundings.defaultDirectory.flatMap { $0.hasPrefix("/") ? $0 : nil } ?? account.home
        return try Self.tidied("\(base)/\(path)")
    }

    func directory(_ requested: String?) throws(CallError) -> String {
        try resolve(requested ?? "")
    }

    /// Without empty, `.` and `..` parts. A name with a null byte would reach the kernel cut short.
    private static func tidied(_ path: String) throws(CallError) -> String {
        guard !path.utf8.contains(0) else {
            throw CallError(.invalidArgument, "A path can not contain a null byte")
        }
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}
