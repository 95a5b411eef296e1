extension GuestPath {
    /// The path in a request's query.
    init(_ request: Request) throws {
        guard let text = request.query["path"] else {
            throw FreestyleError.badRequest("'path' is missing in the query")
        }
        try self.init(text)
    }
}
