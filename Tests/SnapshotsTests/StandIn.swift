import CLinux
import Glibc
import Linux
import Machines
import Records
import Snapshots

/// A process that stands for an engine's: it maps a file as its own, and writes where it is told to.
///
/// Its memory changes exactly as a guest's does, by the kernel's copy-on-write, and nothing else of a machine is needed to
/// find, copy and put back pages.
final class StandIn: Sendable {
    private static let program = """
        import mmap, sys
        file = open(sys.argv[1], 'rb')
        memory = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        print('ready', flush=True)
        for line in sys.stdin:
            word, page, count, byte = line.split()
            page, count, byte = int(page), int(count), int(byte)
            if word == 'write':
                memory[page * 4096:(page + count) * 4096] = bytes([byte]) * (count * 4096)
            elif word == 'copy':
                file.seek(page * 4096)
                memory[page * 4096:(page + count) * 4096] = file.read(count * 4096)
            print('done', flush=True)
        """

    let child: ChildProcess
    let memory: ProcessMemory
    let pidfd: Descriptor
    private let input: Channel
    private let output: Channel

    /// Starts one on the file at `path` and waits until it has mapped it.
    init(on path: String) async throws {
        let (stdin, stdout) = (try Descriptor.pipe(), try Descriptor.pipe())
        guard let python = Program.find("python3") else { throw LinuxError(.notFound, "There is no python3") }
        child = try ChildProcess.start(
            Spawn(
                path: python,
                arguments: ["python3", "-I", "-S", "-c", Self.program, path],
                environment: ["PATH": "/usr/bin:/bin"],
                input: stdin.reading,
                output: stdout.writing,
                error: try Descriptor.null()
            )
        )
        stdin.reading.close()
        stdout.writing.close()
        input = try Channel(stdin.writing)
        output = try Channel(stdout.reading)
        let (pid, output) = (child.pid, output)
        _ = try await withDeadline(.seconds(60)) { try await output.read() }
        pidfd = Descriptor(owning: clinux_open_pidfd(pid))
        memory = try ProcessMemory(of: pid, mapping: path)
    }

    private func tell(_ word: String, _ run: PageRun, _ byte: UInt8 = 0) async throws {
        try await input.write(Array("\(word) \(run.first) \(run.count) \(byte)\n".utf8))
        let output = output
        _ = try await withDeadline(.seconds(60)) { try await output.read() }
    }

    /// Fills pages with one byte.
    func write(_ run: PageRun, _ byte: UInt8) async throws { try await tell("write", run, byte) }

    /// Writes pages with what the file below them holds.
    func copy(_ run: PageRun) async throws { try await tell("copy", run) }

    /// What the process sees in a page.
    func page(_ number: Int) throws -> [UInt8] {
        let buffer = try PageBuffer(pages: 1, isPopulated: false)
        try memory.read([PageRun(first: number, count: 1)], into: buffer.bytes)
        return Array(buffer.bytes)
    }

    /// All that it holds.
    func contents() throws -> [UInt8] {
        let buffer = try PageBuffer(pages: memory.pageCount, isPopulated: false)
        try memory.read([PageRun(first: 0, count: memory.pageCount)], into: buffer.bytes)
        return Array(buffer.bytes[..<(memory.pageCount * PageRun.pageSize)])
    }

    func end() async {
        child.send(SIGKILL)
        _ = try? await child.exit.value()
        input.close()
        output.close()
    }
}

/// A directory with a template's memory and disk, and a store; removed at the end.
struct Place: Sendable {
    static let memoryMiB = 4
    static let pages = memoryMiB << 20 / PageRun.pageSize
    static let identity = MachineIdentity(engine: "none", build: "1", accelerator: .tcg, processorModel: "max")

    let root: String
    let store: SnapshotStore
    var template: String { "\(root)/template" }
    var memory: String { "\(template)/memory" }

    /// In memory where that is possible: hundreds of snapshots are written, each of them to disk.
    private static let parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"

    static func with<Result>(at parent: String = parent, _ body: (Place) async throws -> Result) async throws -> Result
    {
        let root = "\(parent)/snapshots-\(Random.name(10))"
        defer { try? Files.remove(root) }
        try Files.makeDirectory("\(root)/template")
        let place = Place(root: root, store: SnapshotStore(Home("\(root)/home")))
        var memory = [UInt8](repeating: 0, count: memoryMiB << 20)
        // Every second page has something in it.
        for page in stride(from: 0, to: pages, by: 2) {
            for index in 0..<PageRun.pageSize {
                memory[page * PageRun.pageSize + index] = UInt8(truncatingIfNeeded: page + index)
            }
        }
        try Files.write(memory, to: place.memory)
        for name in ["disk", "root", "kernel", "initrd"] { try Files.write(name.utf8, to: "\(place.template)/\(name)") }
        return try await body(place)
    }

    /// A machine of this template that was saved with `memory`.
    func saved(_ memory: any MemoryPages, layers: [String] = [], state: [UInt8] = Array("state".utf8)) -> SavedMachine {
        SavedMachine(
            identity: Self.identity,
            plan: BootPlan(
                shape: MachineShape(processors: 1, memoryMiB: Self.memoryMiB),
                kernel: "\(template)/kernel",
                initialRAMDisk: "\(template)/initrd",
                commandLine: "quiet",
                rootImage: "\(template)/root"
            ),
            memory: self.memory,
            disk: "\(template)/disk",
            state: .changed(MachineChange(deviceState: state, memory: memory, layers: layers))
        )
    }

    /// What a stopped machine has written.
    func standing(_ machine: StandIn) throws -> StandingPages {
        StandingPages(machine.memory, try machine.memory.privateRuns())
    }

    func layer(_ name: String, _ text: String) throws -> String {
        try Files.write(text.utf8, to: "\(root)/\(name)")
        return "\(root)/\(name)"
    }

    static let origin = SnapshotManifest.Origin(
        template: "claude",
        buildID: "build-1",
        kernel: "6.1",
        guestGeneration: currentGeneration
    )
}

/// Puts pages into a machine that has just begun.
func fill(_ machine: StandIn, _ change: MachineChange?) throws {
    try change?.memory.forEachBlock { try machine.memory.write($0, from: $1) }
}

/// The code of the error that `body` ends with; nil when it ends well.
func code(_ body: () async throws -> Void) async -> SnapshotError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? SnapshotError)?.code ?? .init(rawValue: "another: \(error)")
    }
}
