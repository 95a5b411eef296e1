import Access
import HTTP
import Linux
import Testing
import Wire

@testable import Freestyle

@Suite struct `a request in the background` {
    private let owner = Owner.installation
    private let caller = Caller.local
    private let answer = Answer(201, ["done": true])

    @Test func `is answered at once when it is done in time`() async throws {
        let requests = BackgroundRequests()
        let answer = answer
        #expect(try await requests.perform(after: .seconds(60), owner: owner) { answer } == answer)
    }

    @Test func `is pending, and then answered as it would have been`() async throws {
        let requests = BackgroundRequests()
        let answer = answer
        let end = Latch<Void>()
        let pending = try await requests.perform(after: .zero, owner: owner) {
            try? await end.value()
            return answer
        }
        #expect(pending.status == 202)
        let id = try #require(pending.headers[BackgroundRequests.idHeader])
        #expect(try JSONValue(parsing: pending.body) == ["requestId": .string(id), "status": "pending"])
        #expect(try requests.result(id, for: caller).status == 202)
        end.set(())
        let fetched = try await retrying(every: .milliseconds(5), for: .seconds(60)) {
            let result = try requests.result(id, for: caller)
            return result.status == 202 ? nil : result
        }
        #expect(fetched == answer)
        // It may be asked for again, for a while.
        #expect(try requests.result(id, for: caller) == answer)
    }

    @Test func `is nobody else's`() async throws {
        let requests = BackgroundRequests()
        let never = Latch<Void>()
        let pending = try await requests.perform(after: .zero, owner: owner) {
            try? await never.value()
            return Answer(200)
        }
        let id = try #require(pending.headers[BackgroundRequests.idHeader])
        let other = Caller.owner(try #require(Owner(named: "other")))
        #expect { try requests.result(id, for: other) } throws: { ($0 as? FreestyleError)?.status == 404 }
        #expect { try requests.result("bgr-1", for: caller) } throws: { ($0 as? FreestyleError)?.status == 404 }
        never.set(())
    }

    @Test func `is forgotten when its answer was kept long enough`() async throws {
        var limits = BackgroundRequests.Limits()
        limits.lifetime = .zero
        let requests = BackgroundRequests(limits)
        let end = Latch<Void>()
        let pending = try await requests.perform(after: .zero, owner: owner) {
            try? await end.value()
            return Answer(200)
        }
        let id = try #require(pending.headers[BackgroundRequests.idHeader])
        end.set(())
        let refusal = try await retrying(every: .milliseconds(5), for: .seconds(60)) {
            do {
                _ = try requests.result(id, for: caller)
                return nil as FreestyleError?
            } catch {
                return FreestyleError(error)
            }
        }
        #expect(refusal.status == 404)
    }

    @Test func `is one of a bounded number, with an answer of a bounded size`() async throws {
        var limits = BackgroundRequests.Limits()
        limits.requests = 1
        limits.answer = 4
        let requests = BackgroundRequests(limits)
        let end = Latch<Void>()
        let answer = answer
        let pending = try await requests.perform(after: .zero, owner: owner) {
            try? await end.value()
            return answer
        }
        let id = try #require(pending.headers[BackgroundRequests.idHeader])
        await #expect { try await requests.perform(after: .zero, owner: owner) { answer } } throws: {
            ($0 as? FreestyleError)?.status == 429
        }
        end.set(())
        let fetched = try await retrying(every: .milliseconds(5), for: .seconds(60)) {
            let result = try requests.result(id, for: caller)
            return result.status == 202 ? nil : result
        }
        #expect(try JSONValue(parsing: fetched.body)["code"] == "BACKGROUND_RESULT_UNSTORABLE")
    }
}
