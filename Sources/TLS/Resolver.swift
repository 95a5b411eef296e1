import Glibc
import Linux

/// Finds the addresses of a name.
package enum Resolver {
    /// Asks the system for the IPv4 addresses of `host`, in its order of preference; an address is its own.
    ///
    /// - Throws: ``TLSError`` when there are none, `CancellationError` at once when the task is cancelled: the question itself
    ///   can not be taken back, and ends by itself.
    package static func addresses(of host: String) async throws -> [String] {
        var address = in_addr()
        if inet_pton(AF_INET, host, &address) == 1 { return [host] }
        let answer = Latch<Result<[String], TLSError>>()
        // The task's owner is the question: it ends when the resolver answers or gives up.
        Task { answer.set((try? await BlockingPool.run { ask(host) }) ?? .success([])) }
        return try await answer.value().get()
    }

    private static func ask(_ host: String) -> Result<[String], TLSError> {
        var hints = addrinfo()
        hints.ai_family = AF_INET
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        let failure = getaddrinfo(host, nil, &hints, &first)
        defer { if let first { freeaddrinfo(first) } }
        guard failure == 0 else {
            let reason = String(cString: gai_strerror(failure))
            return .failure(TLSError(.unknownHost, "The name '\(host)' could not be resolved: \(reason)"))
        }
        var addresses: [String] = []
        var next = first
        while let entry = next?.pointee {
            next = entry.ai_next
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let isText =
                getnameinfo(entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
            if isText, let end = text.firstIndex(of: 0) {
                addresses.append(String(decoding: text[..<end].map(UInt8.init(bitPattern:)), as: UTF8.self))
            }
        }
        return .success(addresses)
    }
}
