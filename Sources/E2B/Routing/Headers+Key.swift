import HTTP

extension Headers {
    /// The key that a request shows: in `X-API-KEY`, or as a bearer token, as the command line of E2B does.
    package var apiKey: String? {
        if let key = self["X-API-KEY"] { return key }
        guard let authorization = self["Authorization"], authorization.lowercased().hasPrefix("bearer ") else {
            return nil
        }
        return String(authorization.dropFirst("bearer ".count))
    }
}
