import FoundationEssentials
import HTTP
import Linux
import TLS
import Testing
import Wire

@testable import Router

/// Signs as E2B's clients do.
private func signature(_ path: String, _ operation: String, _ user: String, _ token: String, _ expiration: Int? = nil)
    -> String
{
    let text = "\(path):\(operation):\(user):\(token)\(expiration.map { ":\($0)" } ?? "")"
    return "v1_\(Data(Digest.sha256(text.utf8)).base64EncodedString().filter { $0 != "=" })"
}

private func target(
    _ path: String,
    user: String? = nil,
    _ signature: String,
    expiration: Int? = nil
) -> String {
    var target = "/files?path=\(PercentEncoding.encode(path))&signature=\(PercentEncoding.encode(signature))"
    if let user { target += "&username=\(user)" }
    if let expiration { target += "&signature_expiration=\(expiration)" }
    return target
}

@Suite struct `a signed URL` {
    @Test func `is signed as E2B's clients sign it`() throws {
        for (method, query) in [
            (
                "GET",
                "path=a.txt&signature=v1_%2BhXsLuSACKrDBl3Fim0WwIaaLUDJvx0P6NYErYJdWRo&signature_expiration=1795171793"
            ),
            ("POST", "path=a.txt&username=root&signature=v1_y2V%2BcMAk2qptqyFNV9Vd%2FEHUrLQOpxLXuVDBbvosN1U"),
        ] {
            let head = RequestHead(method: method, target: "/files?\(query)")
            try FileSignature(head).check(against: Secret("ea_tok"), now: Date(timeIntervalSince1970: 1_795_171_793))
            #expect(throws: Refusal.unauthorized("invalid signature")) {
                try FileSignature(head).check(against: Secret("other"))
            }
        }
    }

    private func asks(
        _ place: Place,
        _ target: String,
        _ status: Int,
        _ message: String? = nil,
        method: String = "GET",
        _ headers: Headers = [:],
        at here: SourceLocation = #_sourceLocation
    ) async throws {
        for lead in [place.guest.headers(GuestProtocol.agentPort), ["Host": "49983-\(place.guest.id).e2b.localhost"]] {
            var all = lead
            for field in headers.fields { all.add(field.name, field.value) }
            all["Content-Type"] = "application/octet-stream"
            let body = method == "POST" ? HTTPClient.Body.bytes(Array("new".utf8)) : .none
            let answer = try await place.http.send(request(method, target, all), body: body)
            #expect(answer.head.status == status, sourceLocation: here)
            if let message {
                let expected = #"{"code":\#(status),"message":"\#(message)"}"#
                #expect(String(decoding: answer.body, as: UTF8.self) == expected, sourceLocation: here)
            }
        }
    }

    @Test func `opens one file for one purpose, for as long as it says`() async throws {
        try await Place.with(guests: 2) { place in
            let token = place.guest.token
            let (past, future) = (1_000_000_000, 4_000_000_000)
            let write = signature("a b+c.txt", "write", "", token)
            try await asks(place, target("a b+c.txt", write), 200, method: "POST")
            let read = signature("a b+c.txt", "read", "", token)
            try await asks(place, target("a b+c.txt", read), 200)
            let limited = signature("a b+c.txt", "read", "user", token, future)
            try await asks(place, target("a b+c.txt", user: "user", limited, expiration: future), 200)
            let ended = signature("a b+c.txt", "read", "", token, past)
            let late = "signature is already expired"
            try await asks(place, target("a b+c.txt", ended, expiration: past), 401, late)

            let wrong = "invalid signature"
            try await asks(place, target("a b+c.txt", read), 401, wrong, method: "POST")
            try await asks(place, target("a b+c.txt", write), 401, wrong)
            try await asks(place, target("other.txt", read), 401, wrong)
            try await asks(place, target("a b+c.txt", user: "root", read), 401, wrong)
            // A time that was not signed, and one that was left out.
            try await asks(place, target("a b+c.txt", read, expiration: future), 401, wrong)
            try await asks(place, target("a b+c.txt", limited), 401, wrong)
            try await asks(place, target("a b+c.txt", read) + "&signature_expiration=soon", 401, wrong)
            try await asks(place, target("a b+c.txt", ""), 401, wrong)
            let others = signature("a b+c.txt", "read", "", place.guests[1].token)
            try await asks(place, target("a b+c.txt", others), 401, wrong)
            try await asks(place, "/files?path=a", 401, "missing signature query parameter")
        }
    }

    @Test func `counts for nothing where a token is shown`() async throws {
        try await Place.with { place in
            let token = place.guest.token
            try await asks(
                place,
                target("a", signature("a", "write", "", token)),
                401,
                "access token present in header but does not match",
                [GuestProtocol.tokenHeader: "wrong"]
            )
            try await asks(place, "/files?path=a&signature=x", 200, method: "POST", [GuestProtocol.tokenHeader: token])
            try await asks(place, "/files?path=a", 200, nil, [GuestProtocol.tokenHeader: token])
        }
    }

    @Test func `opens nothing but files`() async throws {
        try await Place.with { place in
            let query = target("a", signature("a", "read", "", place.guest.token)).dropFirst("/files".count)
            for path in ["/metrics", "/envs", "/files/compose", "/process.Process/List"] {
                try await asks(place, "\(path)\(query)", 401, method: "POST")
            }
        }
    }

    @Test func `finds its sandbox where nothing names it`() async throws {
        try await Place.with(guests: 3) { place in
            for guest in place.guests {
                let content = Array("of \(guest.id)".utf8)
                let write = target("which.txt", signature("which.txt", "write", "", guest.token))
                let type: Headers = ["Content-Type": "application/octet-stream"]
                expect(
                    try await place.http.send(request("POST", write, type), body: .bytes(content)).head.status,
                    is: 200
                )
                let read = target("which.txt", signature("which.txt", "read", "", guest.token))
                expect(try await place.http.send(request("GET", read)).body, is: content)
            }
            let past = 1_000_000_000
            let ended = signature("which.txt", "read", "", place.guests[2].token, past)
            for (target, message) in [
                (target("which.txt", ended, expiration: past), "signature is already expired"),
                (target("which.txt", signature("which.txt", "read", "", "no token")), "invalid signature"),
            ] {
                let refused = try await place.http.send(request("GET", target))
                #expect(refused.head.status == 401)
                #expect(try json(refused.body)["message"]?.string == message)
            }
            let read = target("which.txt", signature("which.txt", "read", "", place.guests[1].token))
            place.guests[1].ending.set(())
            expect(try await place.http.send(request("GET", read)).head.status, is: 401)
        }
    }
}
