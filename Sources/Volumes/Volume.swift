import Access
import FoundationEssentials

/// A directory tree of the host that outlives sandboxes, as it is known to its owner.
package struct Volume: Sendable, Hashable {
    package let id: String
    package let owner: Owner
    /// Unique among its owner's.
    package let name: String
    package let created: Date
}
