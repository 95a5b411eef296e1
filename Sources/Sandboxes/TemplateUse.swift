import FoundationEssentials

/// How often sandboxes were made from a template, and when the last one was.
package struct TemplateUse: Sendable {
    package private(set) var count = 0
    package private(set) var last: Date?

    mutating func note(_ time: Date) {
        count += 1
        last = time
    }
}
