import Linux
import Wire

/// Reads the usage out of an answer as its bytes pass by.
struct UsageMeter: Sendable {
    private enum Form {
        /// Server-sent events: what of the present line has come. May become `skipping`.
        case events
        /// In a line of server-sent events that is too long to be kept. Becomes `events` at its end.
        case skipping
        /// One JSON object, kept whole. May become `unreadable`.
        case object
        /// Terminal: nothing is kept.
        case unreadable
    }

    /// An answer that is not streamed and larger than this goes unmetered rather than into memory.
    private static let objectLimit = 16 * 1024 * 1024
    private static let lineLimit = 1024 * 1024
    private static let dataPrefix = Array("data:".utf8)
    /// Only two kinds of event carry usage, and both name themselves; the many others are not worth parsing.
    private static let telling = ["message_start", "message_delta"]
    /// What an event of content has around the content, about.
    private static let contentFrame = 85
    private static let contentMark = Array("content_block_delta".utf8)

    private var form: Form
    private var kept: [UInt8] = []
    private(set) var tokens = TokenCount()
    private(set) var model: String?
    private(set) var geography: String?
    /// Whether the answer told its usage to the end.
    private(set) var isWhole = false
    /// Bytes of the answer itself: a check on what is told, and all there is of an answer that was cut.
    private var contentBytes = 0

    /// How many tokens the content that passed has at the least, about.
    var leastOutput: Int { contentBytes / 4 }

    /// - Parameter isReadable: whether the bytes are plain, not compressed.
    init(isEventStream: Bool, isReadable: Bool = true) {
        form = !isReadable ? .unreadable : isEventStream ? .events : .object
    }

    mutating func add(_ bytes: [UInt8]) {
        switch form {
        case .unreadable:
            return
        case .object:
            kept += bytes
            if kept.count > Self.objectLimit {
                kept = []
                form = .unreadable
            }
        case .events, .skipping:
            addLines(bytes[...])
        }
    }

    private mutating func addLines(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while let end = rest.firstIndex(of: 0x0A) {
            if case .events = form {
                kept += rest[..<end]
                takeLine()
            }
            form = .events
            kept.removeAll(keepingCapacity: true)
            rest = rest[(end + 1)...]
        }
        if case .skipping = form { return }
        kept += rest
        if kept.count > Self.lineLimit {
            kept = []
            form = .skipping
        }
    }

    /// Takes what a whole object, or a last line without an end, says.
    mutating func finish() {
        switch form {
        case .object:
            if let answer = try? JSONValue(parsing: kept) {
                model = answer["model"]?.string
                if let usage = answer["usage"] {
                    take(usage)
                    isWhole = true
                }
            }
        case .events:
            takeLine()
        case .skipping, .unreadable:
            break
        }
        kept = []
        form = .unreadable
    }

    private mutating func takeLine() {
        guard kept.starts(with: Self.dataPrefix) else { return }
        // Where its type stands differs, but it stands near the beginning.
        if kept.prefix(Self.contentFrame).firstRange(of: Self.contentMark) != nil {
            contentBytes += max(1, kept.count - Self.contentFrame)
            return
        }
        let text = String(decoding: kept.dropFirst(Self.dataPrefix.count), as: UTF8.self)
        guard Self.telling.contains(where: { text.contains($0) }), let event = try? JSONValue(parsing: text) else {
            return
        }
        switch event["type"]?.string {
        case "message_start":
            model = event["message"]?["model"]?.string ?? model
            if let usage = event["message"]?["usage"] { take(usage) }
        case "message_delta":
            if let usage = event["usage"] {
                take(usage)
                isWhole = true
            }
        default: break
        }
    }

    private mutating func take(_ usage: JSONValue) {
        tokens.update(usage)
        geography = usage["inference_geo"]?.string ?? geography
    }
}
