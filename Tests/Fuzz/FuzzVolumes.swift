// Fuzzes what guests and hosts say about mounted volumes: no input may trap, pieces change nothing, and what was read is written
// and read again as the same.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    if let request = VolumeRequest(input) {
        precondition(VolumeRequest(request.bytes) == request, "what was written is read differently")
    }
    if let answer = VolumeAnswer(input) {
        precondition(VolumeAnswer(answer.bytes) == answer, "what was written is read differently")
    }
    precondition(cut(input, inPiecesOf: max(1, count)) == cut(input, inPiecesOf: 3), "pieces change what a stream says")
    return 0
}

private func cut(_ input: [UInt8], inPiecesOf size: Int) -> [[UInt8]] {
    var cutter = VolumeFrameCutter()
    var frames: [[UInt8]] = []
    for start in stride(from: 0, to: input.count, by: size) {
        cutter.add(Array(input[start..<min(start + size, input.count)]))
        do {
            while let (_, body) = try cutter.next() { frames.append(body) }
        } catch {
            return frames
        }
    }
    return frames
}
