import Access
import Linux
import Records
import Sandboxes
import Wire

/// Finds what a template begins on: a template of this installation, or an image.
struct ImageResolver: Sendable {
    let foundations: Foundations
    let names: ImageNames
    let builder: TemplateBuilder

    /// - Parameter owner: who builds. Files of this computer and registries are for the installation's owner; others have what
    ///   that owner has given a name.
    func foundation(of spec: TemplateSpec, _ size: TemplateSize, for owner: Owner, _ log: StepLog) async throws
        -> Foundation
    {
        switch (spec.fromTemplate, spec.fromImage) {
        case (let template?, nil):
            return try await foundations.foundation(on: template, size, log)
        case (nil, let image?):
            let meaning = try meaning(of: image, for: owner)
            if let note = meaning.note { log.warn(note) }
            if case .template(let name) = meaning.source {
                return try await foundations.foundation(on: name, size, log)
            }
            let image = ImageImport(source: meaning.source, login: spec.fromImageRegistry)
            return try await foundations.foundation(image, size, log, builder)
        default:
            throw TemplateError(.invalidRequest, "A template begins with exactly one of a template and an image")
        }
    }

    private func meaning(of image: String, for owner: Owner) throws(TemplateError) -> ImageNames.Meaning {
        if let own = try names.own(image) { return own }
        // What is here by that very name.
        if foundations.templates.pointee(image) != nil { return .init(source: .template(image)) }
        if let source = ImageSource(image) {
            if case .template = source { return .init(source: source) }
            try demandInstallation(owner, image)
            return .init(source: source)
        }
        if let known = names.meaning(of: image) { return known }
        try demandInstallation(owner, image)
        guard let source = ImageSource("docker://\(image)") else {
            throw TemplateError(.notFound, "There is no image '\(image)' here")
        }
        return .init(source: source)
    }

    private func demandInstallation(_ owner: Owner, _ image: String) throws(TemplateError) {
        guard owner != .installation else { return }
        throw TemplateError(
            .notFound,
            "There is no image '\(image)' here; who installed Martlet can give it a name in '\(names.file)'"
        )
    }
}
