import Linux

/// Where an image is taken from.
enum ImageSource: Sendable, Hashable {
    /// A template of this installation.
    case template(String)
    /// A registry, by `HOST/NAME:TAG` or a name of the registry that everybody means.
    case registry(String)
    /// A directory in the layout of OCI, perhaps with a tag behind a colon.
    case layout(String)
    /// What `docker save` writes.
    case archive(String)
    /// A tar of a root file system.
    case rootFileSystem(String)

    /// - Returns: nil for a text that names its kind in no way that is known.
    init?(_ text: String) {
        func rest(_ prefix: String) -> String? {
            text.hasPrefix(prefix) && text.utf8.count > prefix.utf8.count ? String(text.dropFirst(prefix.count)) : nil
        }
        if let name = rest("template:") {
            self = .template(name)
        } else if let name = rest("docker://"), !name.hasPrefix("-") {
            self = .registry(name)
        } else if let path = rest("oci:"), path.hasPrefix("/") {
            self = .layout(path)
        } else if let path = rest("docker-archive:"), path.hasPrefix("/") {
            self = .archive(path)
        } else if let path = rest("rootfs:"), path.hasPrefix("/") {
            self = .rootFileSystem(path)
        } else {
            return nil
        }
    }

    /// As skopeo names it; nil for what skopeo does not read.
    var transport: String? {
        switch self {
        case .template, .rootFileSystem: nil
        case .registry(let name): "docker://\(name)"
        case .layout(let path): "oci:\(path)"
        case .archive(let path): "docker-archive:\(path)"
        }
    }

    /// Whether the registry is on this computer, where nobody has certificates.
    var isLocalRegistry: Bool {
        guard case .registry(let name) = self else { return false }
        let host = name.prefix { $0 != "/" && $0 != ":" }
        return host == "127.0.0.1" || host == "localhost"
    }
}
