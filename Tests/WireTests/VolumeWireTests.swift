import Testing

@testable import Wire

@Suite struct `the words about a mounted volume` {
    private static let path = VolumeFilePath(Array("a/b".utf8)) ?? .root
    private static let file = VolumeFile(path, handle: 7, inode: 9)

    static let requests: [VolumeRequest] = [
        .attributes(file), .change(file, VolumeChange()),
        .change(file, VolumeChange(mode: 0o644, size: 5, accessed: .now, modified: .at(seconds: -1, nanoseconds: 2))),
        .readLink(path), .makeLink(path, target: Array("../x".utf8)), .makeDirectory(.root, mode: 0o755),
        .create(file, [.read, .write, .exclusive], mode: 0o600), .removeFile(path), .removeDirectory(path),
        .rename(path, to: .root, flags: 1), .addName(path, to: path), .open(file, .truncate),
        .read(file, offset: 1 << 40, count: 4096), .write(file, offset: 3, appends: true, [1, 2, 3]), .sync(file),
        .close(handle: 4), .list(path, after: []), .list(path, after: [0xFF]), .statistics,
    ]

    static let answers: [VolumeAnswer] = [
        .failed(5), .done, .bytes([]), .bytes([1, 2]), .names([], isLast: true),
        .names([VolumeAnswer.ListedName(name: [0xFF], inode: 1, kind: 8)], isLast: false),
        .statistics(VolumeStatistics(blockSize: 1, blocks: 2, free: 3, files: 4, freeFiles: 5)),
        .attributes(
            NodeAttributes(
                inode: 1,
                size: 2,
                blocks: 3,
                mode: 0o100644,
                names: 1,
                accessed: .init(seconds: -5, nanoseconds: 6),
                modified: .init(seconds: 7, nanoseconds: 8),
                changed: .init(seconds: 9, nanoseconds: 10)
            )
        ),
    ]

    @Test(arguments: requests) func `are read as they were written`(_ request: VolumeRequest) {
        #expect(VolumeRequest(request.bytes) == request)
        #expect(VolumeRequest(request.bytes + [0]) == nil)
        for count in 0..<request.bytes.count { #expect(VolumeRequest(Array(request.bytes.prefix(count))) == nil) }
    }

    @Test(arguments: answers) func `are read as they were answered`(_ answer: VolumeAnswer) {
        #expect(VolumeAnswer(answer.bytes) == answer)
    }

    @Test(arguments: ["/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "a\0b", String(repeating: "a", count: 256)])
    func `have no path such as`(_ text: String) {
        #expect(VolumeFilePath(Array(text.utf8)) == nil)
    }

    @Test func `know a file's directory`() {
        #expect(VolumeFilePath.root.split == nil)
        #expect(Self.path.split?.name == Array("b".utf8))
        #expect(Self.path.split?.parent == VolumeFilePath(Array("a".utf8)))
        #expect(VolumeFilePath([0x61])?.split?.parent == .root)
    }

    @Test func `are cut out of a stream, in whatever pieces it comes`() throws {
        let bytes = VolumeFrames.frame(1, [1, 2, 3]) + VolumeFrames.frame(2, [])
        for size in [1, 5, bytes.count] {
            var cutter = VolumeFrameCutter()
            var seen: [[UInt8]] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                cutter.add(Array(bytes[start..<min(start + size, bytes.count)]))
                while let (id, body) = try cutter.next() { seen.append([UInt8(id)] + body) }
            }
            #expect(seen == [[1, 1, 2, 3], [2]])
        }
    }

    @Test(arguments: [[0, 0, 0, 0], [7, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF]] as [[UInt8]])
    func `are no frames with the length`(_ length: [UInt8]) {
        var cutter = VolumeFrameCutter()
        cutter.add(length)
        #expect(throws: VolumeFrameError.self) { try cutter.next() }
    }
}
