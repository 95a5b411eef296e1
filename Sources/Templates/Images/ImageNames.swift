import Linux
import Records
import Wire

/// What images are called elsewhere, and what stands for them here.
///
/// `images.json` in the home says it, one member for each name: `{"python:3.12": "template:my-python"}`, or any other
/// ``ImageSource``. Written by the owner, read at each build. For names that it does not have there is a table of our own: what Debian's packages can stand for.
struct ImageNames: Sendable {
    struct Meaning: Sendable, Hashable {
        var source: ImageSource
        /// What whoever named the image ought to know.
        var note: String?
    }

    /// Images that are E2B's own template, or Debian of the release that ours is.
    private static let same = [
        "e2bdev/base", "e2bdev/base:latest", "debian:12", "debian:bookworm", "debian:bookworm-slim", "debian:12-slim",
    ]
    /// What has something of its own that `base` has in another version or, as it says here, lacks.
    private static let similar = [
        "ubuntu": "", "python": "", "debian": "", "buildpack-deps": ", without compilers", "node": ", without Node",
        "e2bdev/code-interpreter": ", without Jupyter",
    ]

    let file: String

    init(_ home: Home) {
        file = "\(home.path)/images.json"
    }

    /// What the table of this program says.
    ///
    /// - Returns: nil for a name that nothing here stands for.
    func meaning(of image: String) -> Meaning? {
        let name = Self.normalized(image)
        if Self.same.contains(name) { return Meaning(source: .template("base")) }
        let repository = String(name.prefix { $0 != ":" })
        guard let lack = Self.similar[repository] else { return nil }
        return Meaning(
            source: .template("base"),
            note:
                "'\(image)' is not here: the template 'base' stands for it, which is Debian 12 with Python 3.11\(lack). To have "
                + "another one, name it in '\(file)'"
        )
    }

    /// What the owner's file says, if it says anything.
    func own(_ image: String) throws(TemplateError) -> Meaning? {
        guard Files.exists(file) else { return nil }
        let name = Self.normalized(image)
        let table: [String: JSONValue]
        do {
            table = try JSONValue(parsing: Files.read(file)).object ?? [:]
        } catch {
            throw TemplateError(.invalidRequest, "The names of images in '\(file)' can not be read", cause: error)
        }
        guard let target = table[name]?.string else { return nil }
        guard let source = ImageSource(target) else {
            throw TemplateError(
                .invalidRequest,
                "'\(file)' says '\(target)' for '\(name)', which is no source of images"
            )
        }
        return Meaning(source: source)
    }

    /// Without what names the registry that everybody means.
    private static func normalized(_ image: String) -> String {
        for prefix in ["docker.io/library/", "docker.io/", "index.docker.io/", "library/"] where image.hasPrefix(prefix)
        {
            return String(image.dropFirst(prefix.count))
        }
        return image
    }
}
