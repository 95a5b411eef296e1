import Linux
import Machines
import Testing

@testable import Templates

@Suite struct `the keys of a build` {
    /// A change, and what of the build it makes new.
    struct Change: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let renewed: Set<Layer>
        let apply: @Sendable (inout BuildOrder, inout MachineIdentity) -> Void

        init(
            _ name: String,
            _ renewed: Set<Layer>,
            _ apply: @escaping @Sendable (inout BuildOrder, inout MachineIdentity) -> Void
        ) {
            testDescription = name
            self.renewed = renewed
            self.apply = apply
        }
    }

    static let changes = [
        Change("a kernel module", [.kernel, .initialRAMDisk]) { order, _ in order.recipe.modules.append("net/sched/x")
        },
        Change("a kernel parameter", []) { order, _ in order.recipe.kernelParameters += " quiet" },
        Change("a kernel parameter under TCG", []) { order, _ in order.recipe.translatedKernelParameters += " quiet" },
        Change("a package", [.base, .disk]) { order, _ in order.recipe.packages.append("nano") },
        Change("the version of Claude Code", [.claude, .disk]) { order, _ in order.recipe.claude?.digest = "other" },
        Change("a Python package", [.packages, .disk]) { order, _ in order.recipe.claude?.pythonRequirements += "x" },
        Change("a program of one's own", [.claude, .disk]) { order, _ in order.claudeProgram = "/bin/true" },
        Change("the guest's agent", [.initialRAMDisk]) { order, _ in order.guestProgram = "/bin/true" },
        Change("the environment", [.disk]) { order, _ in order.recipe.variables["X"] = "1" },
        Change("the disk's size", [.disk]) { order, _ in order.recipe.diskMiB += 1 },
        Change("the memory's size", []) { order, _ in order.recipe.memoryMiB += 1 },
        Change("the processors", []) { order, _ in order.recipe.processors += 1 },
        Change("QEMU's version", []) { _, identity in identity.build = "2" },
        Change("the accelerator", []) { _, identity in identity.accelerator = .tcg },
    ]

    private static let order = BuildOrder(recipe: .claude, name: "claude", guestProgram: "/bin/sh")
    private static let identity = MachineIdentity(engine: "q", build: "1", accelerator: .kvm, processorModel: "host")

    @Test(arguments: changes) func `change with what goes in, and only there`(_ change: Change) async throws {
        var (order, identity) = (Self.order, Self.identity)
        change.apply(&order, &identity)
        let before = try await BuildKeys(Self.order, epoch: "", identity: Self.identity)
        let after = try await BuildKeys(order, epoch: "", identity: identity)
        #expect(Set(Layer.allCases.filter { before[$0] != after[$0] }) == change.renewed)
        #expect(before.machine != after.machine)
    }

    @Test func `are the same for what two templates have in common`() async throws {
        let claude = try await BuildKeys(Self.order, epoch: "", identity: Self.identity)
        let order = BuildOrder(recipe: .base, name: "base", guestProgram: "/bin/sh")
        let base = try await BuildKeys(order, epoch: "", identity: Self.identity)
        for layer in [Layer.kernel, .base, .initialRAMDisk] { #expect(base[layer] == claude[layer]) }
        #expect(base[.disk] != claude[.disk])
        #expect(base.machine != claude.machine)
    }

    @Test func `all change with the epoch`() async throws {
        let before = try await BuildKeys(Self.order, epoch: "", identity: Self.identity)
        let after = try await BuildKeys(Self.order, epoch: "1", identity: Self.identity)
        #expect(Layer.allCases.allSatisfy { before[$0] != after[$0] })
        #expect(before.machine != after.machine)
    }

    @Test func `are the same for the same`() async throws {
        let one = try await BuildKeys(Self.order, epoch: "", identity: Self.identity)
        #expect(try await BuildKeys(Self.order, epoch: "", identity: Self.identity) == one)
        #expect(Set(one.layers.values).count == Layer.allCases.count)
        #expect(one.machine.count == 64)
    }

    @Test func `tell where one text ends and the next begins`() async throws {
        #expect(Tools.digest(["ab", "c"]) != Tools.digest(["a", "bc"]))
    }
}
