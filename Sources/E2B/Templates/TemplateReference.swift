import Access
import Sandboxes

/// How a client names a template: `base`, `base:v1`, `local/base`.
struct TemplateReference: Sendable, Hashable {
    let name: String
    let tag: String?

    /// - Parameter caller: whose own namespace may stand before the name, besides the installation's.
    /// - Returns: nil when there can be no such template.
    init?(_ text: String, for caller: Caller = .local) {
        var rest = text[...]
        if let slash = rest.firstIndex(of: "/") {
            let space = Owner(rawValue: String(rest[..<slash]))
            guard space == .installation || space == caller.owner else { return nil }
            rest = rest[rest.index(after: slash)...]
        }
        let parts = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard TemplateStore.isName(parts[0]), parts.count < 2 || TemplateStore.isName(parts[1]) else { return nil }
        name = parts[0]
        tag = parts.count > 1 ? parts[1] : nil
    }

    /// As this installation names it.
    var text: String { tag.map { "\(name):\($0)" } ?? name }
}
