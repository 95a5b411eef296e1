import FoundationEssentials
import Linux
import Wire

/// What a template is called: `name`, `name:tag`.
package struct TemplateName: Sendable, Hashable, CustomStringConvertible {
    /// The tag of a name without one.
    package static let defaultTag = "default"

    package let name: String
    package let tag: String

    /// - Returns: nil for what can be no template's name.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        self.init(parts[0], tag: parts.count > 1 ? parts[1] : Self.defaultTag)
        guard isValid else { return nil }
    }

    init(_ name: String, tag: String) {
        self.name = name
        self.tag = tag
    }

    /// Whether a tag is what is meant without one.
    package static func isDefault(_ tag: String?) -> Bool { tag == nil || tag == defaultTag || tag == "latest" }

    package var isValid: Bool { TemplateStore.isName(name) && TemplateStore.isName(tag) }
    package var description: String { tag == Self.defaultTag ? name : "\(name):\(tag)" }
    /// The default tag has none in the file's name.
    var fileName: String { description }
}

extension TemplateStore {
    /// A build that a name points to.
    package struct Tag: Sendable, Hashable {
        package let tag: String
        package let buildID: String
    }

    /// The id of the build that `text` names.
    package func pointee(_ text: String) -> String? {
        guard let name = TemplateName(text) else { return nil }
        if let id = read(nameFile(name.fileName)) { return id }
        // What other tools call the newest.
        return name.tag == "latest" ? read(nameFile(name.name)) : nil
    }

    /// The names of all templates, also of those that have no default tag.
    package func allNames() -> [String] {
        Set(pointers().compactMap { TemplateName($0)?.name }).sorted()
    }

    /// One name of each template: with a tag where there is no default one.
    package func listedNames() -> [String] {
        allNames().map { name in
            let tags = tags(of: name)
            return TemplateName(name, tag: tags.first?.tag ?? TemplateName.defaultTag).description
        }
    }

    /// The tags of a template, the default one first.
    package func tags(of name: String) -> [Tag] {
        tagFiles(of: name).compactMap { name in
            read(nameFile(name.fileName)).map { Tag(tag: name.tag, buildID: $0) }
        }
    }

    private func tagFiles(of name: String) -> [TemplateName] {
        pointers().compactMap { TemplateName($0) }.filter { $0.name == name }
            .sorted { ($0.fileName.utf8.count, $0.tag) < ($1.fileName.utf8.count, $1.tag) }
    }

    /// Points `tags` of a template to what `source` names.
    package func tag(_ source: String, _ tags: [String]) throws {
        guard let name = TemplateName(source), let id = pointee(source) else { throw missing(source) }
        let names = tags.map { TemplateName(name.name, tag: $0) }
        for name in names where !name.isValid {
            throw SandboxError(.invalidRequest, "'\(name.tag)' can not be a tag: \(TemplateStore.nameRule)")
        }
        for name in names { try point(nameFile(name.fileName), to: id) }
    }

    /// Forgets a name or, without a tag, all of a template's names; and its builds once no machine uses them any more.
    package func remove(_ text: String) throws {
        guard let name = TemplateName(text) else { throw missing(text) }
        let doomed = text.contains(":") ? [name].filter { read(nameFile($0.fileName)) != nil } : tagFiles(of: name.name)
        guard !doomed.isEmpty else { throw missing(text) }
        let builds = Set(doomed.compactMap { read(nameFile($0.fileName)) })
        for name in doomed { try Files.remove(nameFile(name.fileName)) }
        for id in builds { try? removeIfUnused(id) }
    }

    private func missing(_ text: String) -> SandboxError {
        SandboxError(.templateNotFound, "There is no template '\(text)'")
    }

    // MARK: Foundations

    /// The build of this key that other templates are made from.
    package func foundation(_ key: String) -> Template? {
        read(foundationFile(key)).flatMap { try? build($0, name: "foundation of \(key.prefix(12))") }
    }

    package func foundations() -> [String] { Files.list("\(root)/foundations") }

    package func removeFoundation(_ key: String) throws {
        let id = read(foundationFile(key))
        try Files.remove(foundationFile(key))
        if let id { try? removeIfUnused(id) }
    }

    // MARK: With an agent that waits

    /// An id for the build that is `buildID` with an agent that waits in it.
    ///
    /// Each has its own: what was saved of a machine of one can not go on from the memory of another.
    package static func newAgentBuild(of buildID: String) -> String { "\(buildID)-agent-\(Random.name(6))" }

    /// Whether a build is, or was, `original` with an agent that waits in it.
    static func isAgentBuild(_ buildID: String, of original: String) -> Bool { buildID.hasPrefix("\(original)-agent-") }

    /// The id of the build that is `buildID` with an agent that waits in it.
    func agentBuild(of buildID: String) -> String? { read(agentFile(buildID)) }

    /// The build of which `id` is the one with an agent; nil for any other.
    package func original(ofAgentBuild id: String) -> String? {
        Files.list("\(root)/agents").first { agentBuild(of: $0) == id }
    }

    /// The same template with an agent that waits in it; nil when there is none that this version understands.
    package func withAgent(_ template: TemplateManifest) -> Template? {
        guard let id = agentBuild(of: template.buildID), let agent = try? build(id, name: template.name),
            agent.manifest.agent == WaitingAgent.recipe
        else { return nil }
        return agent
    }

    // MARK: Builds

    package func builds() -> [String] { Files.list("\(root)/builds") }

    /// A build that was made of just this, whichever name it has.
    package func build(withKey key: String) -> Template? {
        for id in builds() {
            if let template = try? build(id, name: id), template.manifest.key == key { return template }
        }
        return nil
    }

    /// The ids of all builds that something points to; of the same with an agent that waits, too.
    package func pointedBuilds() -> Set<String> {
        let pointed = Set((pointers().map(nameFile) + foundations().map(foundationFile)).compactMap(read))
        return pointed.union(pointed.compactMap(agentBuild))
    }

    /// The names that point to a build.
    package func namesOf(_ buildID: String) -> [String] {
        pointers().filter { read(nameFile($0)) == buildID }
    }

    private func pointers() -> [String] {
        Files.list("\(root)/names").filter { TemplateName($0) != nil }
    }

    private func read(_ file: String) -> String? {
        (try? Files.read(file)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Builds that nothing points to may still be under running machines, which hold their files open: deleting them is safe
    /// on Linux, and their space is given back when the last machine ends.
    func removeIfUnused(_ buildID: String) throws {
        guard !pointedBuilds().contains(buildID) else { return }
        try discard(buildID)
        if let agent = agentBuild(of: buildID) {
            try Files.remove(agentFile(buildID))
            try discard(agent)
        }
    }

    private func discard(_ buildID: String) throws {
        guard Files.exists(directory(buildID)) else { return }
        try Files.makeDirectory(gone)
        let place = "\(gone)/\(Random.name(12))"
        try Files.rename(directory(buildID), to: place)
        // Nobody waits for it: a large file goes slowly, and what is left of it is swept away.
        Task { try? await BlockingPool.run { try Files.remove(place) } }
    }

    /// What is no template any more, and is being removed.
    private var gone: String { "\(root)/gone" }

    /// Removes what builds left that never finished; only while no build runs.
    package func sweep() {
        try? Files.remove("\(root)/building")
        try? Files.remove(gone)
        let pointed = pointedBuilds()
        for id in builds() where !pointed.contains(id) { try? Files.remove(directory(id)) }
        for id in Files.list("\(root)/agents") where !pointed.contains(id) { try? Files.remove(agentFile(id)) }
    }
}
