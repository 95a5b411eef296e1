import HTTP

extension Headers {
    /// The key that a request shows: in `X-API-KEY`, or as a bearer token, as the command line of E2B does.
    package var apiKey: String? { self["X-API-KEY"] ?? bearerToken }

    /// What a request shows in `Authorization: Bearer …`.
    var bearerToken: String? {
        guard let authorization = self["Authorization"], authorization.lowercased().hasPrefix("bearer ") else {
            return nil
        }
        return String(authorization.dropFirst("bearer ".count))
    }
}
