import Access
import FoundationEssentials
import Wire

/// A sandbox as it was once, kept for making others of it.
package struct NamedSnapshot: Codable, Sendable, Hashable {
    /// `s` and twenty letters and digits.
    package var id: String
    package var owner: Owner
    /// Nil for one that nobody named.
    package var name: String?
    package var sandbox: String
    package var created: Date
    /// What the sandbox was made from.
    package var manifest: TemplateManifest
}
