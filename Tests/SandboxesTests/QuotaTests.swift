import Access
import Testing

@testable import Sandboxes

@Suite struct `a limit of sandboxes` {
    private let ana = Owner(rawValue: "ana")

    private func isFull(_ error: any Error) -> Bool { (error as? SandboxError)?.code == .tooMany }

    @Test func `is each owner's own, and a place is free when it was left`() throws {
        let quota = SandboxQuota(limit: 2)
        try quota.enter(ana)
        try quota.enter(ana)
        #expect(throws: SandboxError.self) { try quota.enter(ana) }
        try quota.enter(.installation)
        quota.leave(ana)
        try quota.enter(ana)
        #expect { try quota.enter(ana) } throws: { isFull($0) }
    }

    @Test func `counts what is there already, and ends none of it`() throws {
        let quota = SandboxQuota(limit: 1)
        for _ in 0..<3 { quota.note(ana) }
        #expect { try quota.enter(ana) } throws: { isFull($0) }
        for _ in 0..<3 { quota.leave(ana) }
        try quota.enter(ana)
    }

    @Test func `may be none`() throws {
        let quota = SandboxQuota(limit: nil)
        for _ in 0..<1000 { try quota.enter(ana) }
    }
}
