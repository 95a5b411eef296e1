import Sandboxes
import Synchronization

/// The directories of layers that builds under way stand on, and that are not removed meanwhile.
package final class LayerPins: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    package init() {}

    /// What a template stands on; manifests of earlier versions name only the files.
    static func directories(of manifest: TemplateManifest) -> [String] {
        let paths = [manifest.kernel, manifest.initialRAMDisk, manifest.rootImage].map(Foundations.parent(of:))
        return Set((manifest.layers ?? []) + paths).sorted()
    }

    func pin(_ manifest: TemplateManifest) -> [String] {
        let directories = Self.directories(of: manifest)
        counts.withLock { counts in for directory in directories { counts[directory, default: 0] += 1 } }
        return directories
    }

    func unpin(_ directories: [String]) {
        counts.withLock { counts in
            for directory in directories {
                let count = counts[directory, default: 1] - 1
                counts[directory] = count > 0 ? count : nil
            }
        }
    }

    var all: Set<String> { counts.withLock { Set($0.keys) } }
}
