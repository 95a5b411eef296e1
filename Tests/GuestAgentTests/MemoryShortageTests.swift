import Testing

@testable import GuestAgent

@Suite struct `a record of the kernel's log` {
    private func victim(_ text: String) -> MemoryShortages.Victim? { MemoryShortages.victim(Array(text.utf8)) }

    @Test(arguments: [
        (
            "3,412,7133912,-;Out of memory: Killed process 312 (python3) total-vm:1032kB, anon-rss:900kB\n",
            MemoryShortages.Victim(pid: 312, name: "python3")
        ),
        (
            "3,9,1,-;Memory cgroup out of memory: Killed process 7 (a) total-vm:) total-vm:12kB\n SUBSYSTEM=x\n",
            MemoryShortages.Victim(pid: 7, name: "a")
        ),
        ("3,9,1,-;Out of memory: Killed process 4294967295 (a (b) c) total-vm:1kB", .init(pid: .max, name: "a (b) c")),
    ])
    func `tells whom it has ended`(_ record: String, _ victim: MemoryShortages.Victim) {
        #expect(self.victim(record) == victim)
    }

    @Test(arguments: [
        "", ";", "6,1,1,-;Linux version 6.1", "3,9,1,-;Out of memory: Killed process ",
        "3,9,1,-;Out of memory: Killed process (python3) total-vm:1kB",
        "3,9,1,-;Out of memory: Killed process 12 python3", "3,9,1,-;Out of memory: Killed process 12 (python3)",
        "3,9,1,-;Out of memory: Killed process 4294967296 (python3) total-vm:1kB",
        "3,9,1,-;Out of memory: Killed process -1 (python3) total-vm:1kB",
    ])
    func `of something else tells of nobody`(_ record: String) {
        #expect(victim(record) == nil)
    }
}
