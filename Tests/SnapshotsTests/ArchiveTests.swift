import Linux
import Machines
import Records
import Snapshots
import Testing
import Wire

@Suite struct `a snapshot in one file` {
    private func with(_ body: (Place, [UInt8]) async throws -> Void) async throws {
        try await Place.with { place in
            let machine = try await StandIn(on: place.memory)
            try await machine.write(PageRun(first: 10, count: 30), 3)
            let contents = try machine.contents()
            let layer = try place.layer("layer", "what the guest wrote to its disk")
            try await place.store.save(
                place.saved(try place.standing(machine), layers: [layer]),
                as: "one",
                origin: Place.origin,
                attachment: ["user": "me"]
            )
            await machine.end()
            try await body(place, contents)
        }
    }

    @Test func `runs where its template is not, when it brings it`() async throws {
        try await with { place, contents in
            let file = "\(place.root)/one.martlet"
            try await place.store.export("one", to: file, includesBase: true)
            let other = SnapshotStore(Home("\(place.root)/elsewhere"))
            try await other.importSnapshot(from: file, as: "two", for: Place.identity)
            try Files.remove(place.template)
            let snapshot = try await other.open("two")
            #expect(snapshot.manifest.id == "two")
            #expect(snapshot.manifest.attachment?["user"]?.string == "me")
            let machine = try await StandIn(on: snapshot.saved.memory)
            try fill(machine, snapshot.saved.change)
            #expect(try machine.contents() == contents)
            await machine.end()
            #expect(Files.list("\(place.root)/elsewhere/snapshots/making").isEmpty)
        }
    }

    @Test func `runs where its template is, without it`() async throws {
        try await with { place, _ in
            let file = "\(place.root)/one.martlet"
            try await place.store.export("one", to: file, includesBase: false)
            #expect((Files.size(file) ?? 0) < 100_000)
            try await place.store.importSnapshot(from: file, as: "two", for: Place.identity)
            #expect(await code { _ = try await place.store.open("two") } == nil)
            let other = SnapshotStore(Home("\(place.root)/elsewhere"))
            #expect(
                await code { try await other.importSnapshot(from: file, as: "two", for: Place.identity) }
                    == .incompatible
            )
            #expect(other.ids().isEmpty)
        }
    }

    @Test func `is refused with the reason where it can not run`() async throws {
        try await with { place, _ in
            let file = "\(place.root)/one.martlet"
            try await place.store.export("one", to: file, includesBase: true)
            var identity = Place.identity
            identity.build = "2"
            #expect(
                await code { try await place.store.importSnapshot(from: file, as: "two", for: identity) }
                    == .incompatible
            )
            let whole = try Files.read(file)
            let other = SnapshotStore(Home("\(place.root)/elsewhere"))
            for count in [0, 100, 1024, 5000, whole.count / 2, whole.count - 20_000] {
                try Files.write(whole[..<count], to: file)
                let code = await code { try await other.importSnapshot(from: file, as: "two", for: Place.identity) }
                #expect(
                    [.damaged, .truncated, .incompatible].contains(code),
                    "\(count): \(String(describing: code))"
                )
            }
            #expect(other.ids().isEmpty)
            #expect(place.store.ids() == ["one"])
            #expect(Files.list("\(place.root)/home/snapshots/making").isEmpty)
        }
    }

    @Test func `brings nothing but a snapshot`() async throws {
        try await with { place, _ in
            let file = "\(place.root)/evil.tar"
            for make in [
                ["--transform", "s,.*,../outside,", "layer"], ["--transform", "s,.*,.hidden,", "layer"],
                ["--transform", "s,.*,base/other,", "layer"], ["link"],
            ] {
                _ = try await Program("ln", ["-sf", "/etc/passwd", "\(place.root)/link"]).run()
                let made = try await Program("tar", ["-C", place.root, "-cf", file] + make).run()
                #expect(made.status.isSuccess)
                let code = await code {
                    try await place.store.importSnapshot(from: file, as: "two", for: Place.identity)
                }
                #expect(code == .damaged || code == .truncated, "\(make)")
                #expect(!Files.exists("\(place.root)/home/snapshots/outside"))
            }
        }
    }
}
