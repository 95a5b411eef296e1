import Linux
import RPC
import Wire

/// A file that arrives.
///
/// Bytes are gathered into large writes, so that a watcher sees a small file made, given to its user and written once each.
final class Incoming {
    private let path: String
    private let files: Files
    private let notes: [String: String]
    private var gathered: [UInt8] = []
    private var file: Descriptor?

    private static let block = 1024 * 1024

    init(path: String, files: Files, _ notes: [String: String]) {
        self.path = path
        self.files = files
        self.notes = notes
    }

    func take(_ bytes: [UInt8]) async throws {
        gathered += bytes
        if gathered.count >= Self.block { try await write() }
    }

    func finish() async throws {
        if file == nil || !gathered.isEmpty { try await write() }
        file?.close()
    }

    private func write() async throws {
        let bytes = gathered
        gathered = []
        file = try await BlockingPool.run { [file, files, path, notes] in
            let file = try file ?? files.openToWrite(path, notes)
            do throws(LinuxError) {
                try file.writeAll(bytes)
            } catch {
                throw CallError(error, path)
            }
            return file
        }
    }
}
