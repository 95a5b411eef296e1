import Access
import Sandboxes

/// How a client names a template: `base`, `base:default`, `local/base`.
struct TemplateReference: Sendable, Hashable {
    /// The only tag there is until templates can be built over the wire.
    static let defaultTags = ["default", "latest"]

    let name: String
    let tag: String?

    /// - Returns: nil when there can be no such template.
    init?(_ text: String) {
        var rest = text[...]
        if let slash = rest.firstIndex(of: "/") {
            // What is built here belongs to the installation.
            guard rest[..<slash] == Owner.installation.rawValue else { return nil }
            rest = rest[rest.index(after: slash)...]
        }
        let parts = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard TemplateStore.isName(parts[0]) else { return nil }
        name = parts[0]
        tag = parts.count > 1 ? parts[1] : nil
    }

    var hasKnownTag: Bool { tag.map { Self.defaultTags.contains($0) } ?? true }
}
