// The model traffic of a run, kept so that the run can be had again, offline and for nothing: a folder with a file for each
// request, in their order, which people can read, compare and commit.
//
//     0001.json  0002.json  …     {"request": {"method", "path", "body"}, "answer": {"status", "at", "headers", "events" | "body"}}
//
// Written by the gateway while a run records, whole or not at all, by one run at a time; read when a run replays; deleted by its
// owner. There are no
// secrets in it. A recording is found by its request without what differs from run to run, see `CanonicalRequest`.

import Linux
import Synchronization
import Wire

/// A folder of recorded requests.
package final class Cassette: Sendable {
    package enum Mode: String, Sendable, Hashable, CaseIterable {
        /// Everything is asked and kept; the folder must be new or empty.
        case record
        /// Nothing is asked: what was not recorded is refused.
        case replay
        /// What was recorded is played, the rest is asked and kept.
        case hybrid
    }

    fileprivate struct State {
        var tracks: [Track] = []
        /// By key, in the order of recording.
        var places: [String: [Int]] = [:]
        var played: [String: Int] = [:]
        var nextNumber = 1
        var lastMiss: String?
    }

    /// Bounds what a folder that is no cassette can do.
    private static let fileLimit: Int64 = 64 * 1024 * 1024
    private static let candidateLimit = 200

    package let path: String
    package let mode: Mode
    package let redaction: Redaction
    private let state = Mutex(State())
    /// Keeps other runs from writing to the folder; nil where nothing is written.
    private let lock: Descriptor?

    /// - Throws: ``CassetteError`` when the folder can not be what `mode` needs, `LinuxError`.
    package init(_ path: String, _ mode: Mode, redaction: Redaction = Redaction()) throws {
        self.path = path
        self.mode = mode
        self.redaction = redaction
        if mode != .replay { try Files.makeDirectory(path) }
        guard Files.isDirectory(path) else {
            throw CassetteError(.notFound, "There is no cassette '\(path)'; make one with --record")
        }
        lock = mode == .replay ? nil : try Files.lock(directory: path)
        guard mode == .replay || lock != nil else {
            throw CassetteError(.inUse, "Another run records to '\(path)'; wait for it, or record elsewhere")
        }
        let names = Files.list(path).filter { $0.hasSuffix(".json") }
        guard mode != .record || names.isEmpty else {
            throw CassetteError(
                .notEmpty,
                "'\(path)' holds a recording already; remove it, or go on with it by --replay and --record-missing"
            )
        }
        guard mode != .replay || !names.isEmpty else {
            throw CassetteError(.notFound, "The cassette '\(path)' is empty")
        }
        try state.withLock { state in
            for name in names {
                let track = try Self.read("\(path)/\(name)")
                state.add(track)
                if let number = Int(name.dropLast(5)) { state.nextNumber = max(state.nextNumber, number + 1) }
            }
        }
    }

    private static func read(_ path: String) throws -> Track {
        guard Files.size(path) ?? 0 <= fileLimit else { throw CassetteError(.malformed, "'\(path)' is too large") }
        let bytes = try Files.read(path)
        do {
            if let track = Track(try JSONValue(parsing: bytes)) { return track }
        } catch {
            throw CassetteError(.malformed, "'\(path)' is no part of a cassette", cause: error)
        }
        throw CassetteError(
            .malformed,
            "'\(path)' is no part of a cassette: a request, a status or an event is missing"
        )
    }

    /// How many requests were recorded.
    package var count: Int { state.withLock { $0.tracks.count } }

    /// A request as this cassette knows it, without secrets.
    package func request(_ method: String, _ path: String, _ body: [UInt8]) -> CanonicalRequest {
        CanonicalRequest(method: method, path: path, body: redaction(TrackRecorder.value(body)))
    }

    // MARK: Playing

    /// The answer to play; nil when there is none. Of several answers to one request each is played once, and the last again and
    /// again.
    package func next(_ request: CanonicalRequest) -> Track? {
        state.withLock { state in
            guard let places = state.places[request.key], let last = places.last else { return nil }
            let turn = state.played[request.key, default: 0]
            state.played[request.key] = turn + 1
            return state.tracks[turn < places.count ? places[turn] : last]
        }
    }

    /// What a request would have to be for the recording that comes nearest, as a sentence and a list of places.
    package func miss(_ request: CanonicalRequest) -> String {
        let miss = describeMiss(request)
        state.withLock { $0.lastMiss = miss }
        return miss
    }

    /// What was said to the last request that was not found; nil when all were.
    package var lastMiss: String? { state.withLock { $0.lastMiss } }

    private func describeMiss(_ request: CanonicalRequest) -> String {
        let alike = state.withLock { state in
            state.tracks.filter { $0.request.method == request.method && $0.request.path == request.path }
        }
        let start = "The cassette '\(path)' has no answer to this request"
        let nearest = alike.prefix(Self.candidateLimit)
            .map { Difference(from: $0.request.body, to: request.body) }
            .min { $0.count < $1.count }
        guard let nearest else { return "\(start), nor any to \(request.method) \(request.path)" }
        return "\(start); the nearest differs here (- recorded, + asked):\n\(nearest.text)"
    }

    // MARK: Recording

    /// Keeps a track, as a file of its own.
    package func add(_ track: Track) throws {
        let number = state.withLock { state in
            defer { state.nextNumber += 1 }
            return state.nextNumber
        }
        let digits = String(number)
        let name = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        try Files.write(track.document.encoded(pretty: true) + [0x0A], to: "\(path)/\(name).json")
        state.withLock { state in
            state.add(track)
            // It has been given once, to the one who asked.
            state.played[track.request.key, default: 0] += 1
        }
    }
}

extension Cassette.State {
    fileprivate mutating func add(_ track: Track) {
        places[track.request.key, default: []].append(tracks.count)
        tracks.append(track)
    }
}

/// A cassette that can not be used.
package struct CassetteError: Error, Sendable, CustomStringConvertible {
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        package static let notFound = Code(rawValue: "not_found")
        package static let inUse = Code(rawValue: "in_use")
        package static let notEmpty = Code(rawValue: "not_empty")
        package static let malformed = Code(rawValue: "malformed")
    }

    package let code: Code
    package let message: String
    package let cause: (any Error)?

    init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { cause.map { "\(message): \($0)" } ?? message }
}
