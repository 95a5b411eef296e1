import CZlib
import HTTP
import Synchronization

/// Unpacks gzip, as much at a time as is asked for: a small body may be the whole of a very large file.
///
/// *Concurrency.* Used by one task; the lock is there because that task moves between threads.
final class Inflater: Sendable {
    private struct State {
        let stream: UnsafeMutablePointer<z_stream>
        var input: [UInt8] = []
        var offset = 0
        /// Whether the last answer was full, so that zlib may hold more of it.
        var isFull = false
        /// Whether the last byte was the last of a whole file.
        var isWhole = false
    }

    private let state: Mutex<State>

    init() throws(HTTPError) {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result = czlib_begin_inflating(stream)
        state = Mutex(State(stream: stream))
        if result != Z_OK { throw HTTPError(500, "gzip can not be unpacked: zlib has no memory") }
    }

    deinit {
        state.withLock { state in
            inflateEnd(state.stream)
            state.stream.deallocate()
        }
    }

    /// Takes packed bytes, once those before are used up.
    func add(_ bytes: [UInt8]) {
        state.withLock { state in
            state.input = bytes
            state.offset = 0
        }
    }

    /// Gives the next unpacked bytes; none when more packed ones are needed. Takes its time.
    func next(upTo count: Int) throws(HTTPError) -> [UInt8] {
        try state.withLock { state throws(HTTPError) in
            while state.offset < state.input.count || state.isFull {
                var result = Z_OK
                let bytes = [UInt8](unsafeUninitializedCapacity: count) { output, filled in
                    result = Self.step(&state, output)
                    filled = count - Int(state.stream.pointee.avail_out)
                }
                state.isFull = bytes.count == count && result == Z_OK
                switch result {
                case Z_STREAM_END:
                    // Another packed file may follow, which belongs to the same content.
                    inflateReset(state.stream)
                    state.isWhole = true
                case Z_OK: state.isWhole = false
                // There was nothing left to do.
                case Z_BUF_ERROR: break
                default: throw HTTPError(400, "The upload is not gzip, or is damaged")
                }
                if !bytes.isEmpty { return bytes }
            }
            return []
        }
    }

    private static func step(_ state: inout State, _ output: UnsafeMutableBufferPointer<UInt8>) -> Int32 {
        let (stream, offset, total) = (state.stream, state.offset, state.input.count)
        return state.input.withUnsafeMutableBufferPointer { input in
            stream.pointee.next_in = input.baseAddress.map { $0 + offset }
            stream.pointee.avail_in = UInt32(total - offset)
            stream.pointee.next_out = output.baseAddress
            stream.pointee.avail_out = UInt32(output.count)
            defer { state.offset = total - Int(stream.pointee.avail_in) }
            return inflate(stream, Z_NO_FLUSH)
        }
    }

    /// Says that no more packed bytes come.
    func finish() throws(HTTPError) {
        guard state.withLock({ $0.isWhole }) else { throw HTTPError(400, "The upload is not gzip, or ends too early") }
    }
}

/// Packs gzip.
///
/// *Concurrency.* As ``Inflater``.
final class Deflater: Sendable {
    private let stream: Mutex<UnsafeMutablePointer<z_stream>>

    init() throws(HTTPError) {
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        let result = czlib_begin_deflating(stream)
        self.stream = Mutex(stream)
        if result != Z_OK { throw HTTPError(500, "gzip can not be packed: zlib has no memory") }
    }

    deinit {
        stream.withLock { stream in
            deflateEnd(stream)
            stream.deallocate()
        }
    }

    /// Packs bytes; the last of them with `isLast`. May give none. Takes its time.
    func pack(_ bytes: [UInt8], isLast: Bool) -> [UInt8] {
        stream.withLock { stream in
            var packed: [UInt8] = []
            var bytes = bytes
            bytes.withUnsafeMutableBufferPointer { input in
                stream.pointee.next_in = input.baseAddress
                stream.pointee.avail_in = UInt32(input.count)
                repeat {
                    packed += [UInt8](unsafeUninitializedCapacity: 65_536) { output, filled in
                        stream.pointee.next_out = output.baseAddress
                        stream.pointee.avail_out = UInt32(output.count)
                        _ = deflate(stream, isLast ? Z_FINISH : Z_NO_FLUSH)
                        filled = output.count - Int(stream.pointee.avail_out)
                    }
                } while stream.pointee.avail_out == 0
            }
            return packed
        }
    }
}
