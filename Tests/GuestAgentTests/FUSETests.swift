import Glibc
import Testing
import Wire

@testable import GuestAgent

@Suite struct `what the kernel asks of a mounted volume` {
    private func request(_ opcode: UInt32, node: UInt64 = 5, _ body: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(number: UInt32(40 + body.count))
        bytes.append(number: opcode)
        bytes.append(number: UInt64(77))
        bytes.append(number: node)
        return bytes + [UInt8](repeating: 0, count: 16) + body
    }

    private func fields(_ numbers: any FixedWidthInteger...) -> [UInt8] {
        var bytes: [UInt8] = []
        for number in numbers { bytes.append(number: number) }
        return bytes
    }

    @Test func `is read as it is meant`() {
        let name = Array("f".utf8)
        let u64: (UInt64) -> UInt64 = { $0 }
        let u32: (UInt32) -> UInt32 = { $0 }
        let range = fields(u64(8), u64(4096), u32(100), u32(0), u64(0), u32(0), u32(0))
        let cases: [(UInt32, [UInt8], FUSERequest.Operation)] = [
            (1, name + [0], .lookUp(name)),
            (2, fields(u64(3)), .forget([.init(node: 5, count: 3)])),
            (42, fields(u32(1), u32(0), u64(9), u64(2)), .forget([.init(node: 9, count: 2)])),
            (3, fields(u32(1), u32(0), u64(8)), .attributes(handle: 8)),
            (3, fields(u32(0), u32(0), u64(8)), .attributes(handle: 0)),
            (6, name + [0] + name + [0], .makeLink(name, target: name)),
            (9, fields(u32(0o755), u32(0)) + name + [0], .makeDirectory(name, mode: 0o755)),
            (12, fields(u64(2)) + name + [0] + name + [0], .rename(name, to: name, in: 2, flags: 0)),
            (45, fields(u64(2), u32(1), u32(0)) + name + [0] + name + [0], .rename(name, to: name, in: 2, flags: 1)),
            (15, range, .read(handle: 8, offset: 4096, count: 100)),
            (
                16, fields(u64(8), u64(1), u32(2), u32(0), u64(0), UInt32(O_APPEND), u32(0)) + [1, 2],
                .write(handle: 8, offset: 1, appends: true, [1, 2])
            ),
            (
                16, fields(u64(8), u64(1), u32(2), u32(1), u64(0), UInt32(O_APPEND), u32(0)) + [1, 2],
                .write(handle: 8, offset: 1, appends: false, [1, 2])
            ),
            (35, fields(u32(2), u32(0o644), u32(0), u32(0)) + name + [0], .create(name, flags: 2, mode: 0o644)),
            (99, [], .unknown(99)),
        ]
        for opcode: UInt32 in [1, 2, 3, 4, 6, 8, 9, 10, 12, 13, 14, 15, 16, 20, 28, 35, 42, 45] {
            #expect(FUSERequest(request(opcode, [1])) == nil, "\(opcode)")
        }
        for (opcode, body, operation) in cases {
            let bytes = request(opcode, body)
            #expect(FUSERequest(bytes)?.operation == operation, "\(opcode)")
            #expect(FUSERequest(bytes)?.id == 77)
            // A length that is not that of what came is none.
            for count in 0..<bytes.count { #expect(FUSERequest(Array(bytes.prefix(count))) == nil) }
        }
    }

    @Test func `is answered in the sizes that the protocol has`() {
        let owner = FUSEAnswer.Owner(user: 1000, group: 1000)
        let time = NodeAttributes.Time(seconds: 1, nanoseconds: 2)
        let file = NodeAttributes(
            inode: 1,
            size: 2,
            blocks: 3,
            mode: 0o100644,
            names: 1,
            accessed: time,
            modified: time,
            changed: time
        )
        let statistics = VolumeStatistics(blockSize: 4096, blocks: 1, free: 1, files: 1, freeFiles: 1)
        let sizes: [(FUSEAnswer, Int)] = [
            (.failed(ENOENT), 0), (.done, 0), (.initialized(readAhead: 4096), 64), (.entry(node: 2, file), 128),
            (.attributes(file), 104), (.opened(handle: 1), 16), (.created(node: 2, file, handle: 1), 144),
            (.written(5), 8), (.bytes([1]), 1), (.statistics(statistics), 80),
        ]
        for (answer, size) in sizes {
            let bytes = answer.bytes(to: 9, owner)
            #expect(bytes.count == 16 + size, "\(answer)")
            var fields = ByteFields(bytes)
            #expect(fields.number(UInt32.self) == UInt32(bytes.count))
            #expect(fields.number(Int32.self) == (answer == .failed(ENOENT) ? -ENOENT : 0))
            #expect(fields.number(UInt64.self) == 9)
        }
    }
}

@Suite struct `the nodes of a mounted volume` {
    private let nodes = MountedNodes()
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
    private func path(_ node: UInt64) -> String? {
        nodes.path(of: node).map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    @Test func `have their paths, also when a directory above them moves`() {
        let directory = nodes.found(bytes("d"), in: FUSE.root, inode: 10)
        let file = nodes.found(bytes("f"), in: directory, inode: 11)
        #expect(path(FUSE.root) == "" && path(directory) == "d" && path(file) == "d/f")
        #expect(nodes.found(bytes("f"), in: directory, inode: 11) == file)
        nodes.renamed(bytes("d"), in: FUSE.root, to: bytes("e"), in: FUSE.root, isExchange: false)
        #expect(path(file) == "e/f")
    }

    @Test func `are forgotten with the last look-up, a directory after what is in it`() {
        let directory = nodes.found(bytes("d"), in: FUSE.root, inode: 10)
        let file = nodes.found(bytes("f"), in: directory, inode: 11)
        nodes.forget(directory, 1)
        #expect(path(file) == "d/f")
        nodes.forget(file, 1)
        #expect(nodes.count == 1)
        nodes.forget(FUSE.root, 1)
        #expect(nodes.count == 1)
    }

    @Test func `lose their name to another file, and keep what is open`() {
        let old = nodes.found(bytes("f"), in: FUSE.root, inode: 10)
        nodes.opened(old, 7)
        let new = nodes.found(bytes("f"), in: FUSE.root, inode: 11)
        #expect(new != old && path(old) == nil && path(new) == "f")
        #expect(nodes.file(old) == VolumeFile(.root, handle: 7, inode: 10))
        nodes.closed(old, 7)
        #expect(nodes.file(old) == nil)
    }

    @Test func `are replaced and exchanged by renames`() {
        let one = nodes.found(bytes("1"), in: FUSE.root, inode: 1)
        let two = nodes.found(bytes("2"), in: FUSE.root, inode: 2)
        nodes.renamed(bytes("1"), in: FUSE.root, to: bytes("2"), in: FUSE.root, isExchange: true)
        #expect(path(one) == "2" && path(two) == "1")
        nodes.renamed(bytes("2"), in: FUSE.root, to: bytes("1"), in: FUSE.root, isExchange: false)
        #expect(path(one) == "1" && path(two) == nil)
        nodes.removed(bytes("1"), in: FUSE.root)
        #expect(path(one) == nil)
        nodes.forget(one, 1)
        nodes.forget(two, 1)
        #expect(nodes.count == 1)
    }
}
