import FoundationEssentials
import Glibc
import GuestLink
import HTTP
import Linux
import Records

/// Archives that `COPY` steps name by a hash of what is in them.
///
/// Written whole or not at all by whoever uploads them; read by builds; removed when no build has used one for a while. They
/// are only ever unpacked in a guest.
package struct UploadedFiles: Sendable {
    package static let sizeLimit: Int64 = 8 << 30
    private static let magic: [UInt8] = [0x1F, 0x8B]

    private let root: String

    init(_ home: Home) {
        root = "\(home.cache)/uploads"
    }

    package static func isHash(_ text: String) -> Bool {
        text.utf8.count == 64
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    private func path(_ hash: String) -> String { "\(root)/\(hash)" }

    package func has(_ hash: String) -> Bool { Self.isHash(hash) && Files.exists(path(hash)) }

    /// Takes an archive from `read`, which gives nothing at its end.
    ///
    /// - Throws: ``TemplateError/Code/noSpace``, or ``TemplateError/Code/invalidRequest`` for what is too large.
    @discardableResult
    package func receive(_ hash: String, _ read: () async throws -> [UInt8]) async throws -> Int64 {
        guard Self.isHash(hash) else {
            throw TemplateError(.invalidRequest, "Files are named by a hash of 64 hexadecimal digits")
        }
        try Files.makeDirectory(root)
        let temporary = "\(root)/.\(Random.name(12))"
        defer { try? Files.remove(temporary) }
        do {
            let file = try Descriptor.open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            var size: Int64 = 0
            while true {
                let bytes = try await read()
                if bytes.isEmpty { break }
                size += Int64(bytes.count)
                guard size <= Self.sizeLimit else {
                    throw TemplateError(.invalidRequest, "What is copied is larger than \(Self.sizeLimit >> 30) GiB")
                }
                try await BlockingPool.run { try file.writeAll(bytes) }
            }
            try await BlockingPool.run { try Files.synchronize(temporary) }
            try Files.rename(temporary, to: path(hash))
            return size
        } catch let error as LinuxError where error.code == .noSpace {
            throw TemplateError(.noSpace, "There is no space left in '\(root)' for the files of a template")
        }
    }

    /// Unpacks an archive in a directory of a guest, as its root.
    func unpack(_ hash: String, to guest: GuestLink, in directory: String) async throws {
        guard has(hash) else {
            throw TemplateError(.notFound, "The files '\(hash.prefix(12))…' of a COPY were not uploaded")
        }
        utimensat(AT_FDCWD, path(hash), nil, 0)
        let isPacked = try Descriptor.open(path(hash), O_RDONLY).read(upTo: 2) == Self.magic
        let program = try Program(isPacked ? "gzip" : "cat", [])
        let child = try PipedChild(
            path: program.path,
            arguments: isPacked ? ["gzip", "-dc", "--", path(hash)] : ["cat", "--", path(hash)],
            environment: program.environment
        )
        child.input.close()
        defer { child.kill() }
        async let words = Self.words(child.errors)
        try await guest.unpack(into: directory, user: "root") { body in
            while true {
                let bytes = try await child.output.read()
                if bytes.isEmpty { return }
                try await body.write(bytes)
            }
        }
        let status = try await child.child.exit.value()
        let said = await words
        guard status.isSuccess else {
            throw TemplateError(.stepFailed, "The files of a COPY are no archive: \(said.prefix(200))")
        }
    }

    private static func words(_ errors: Channel) async -> String {
        var all: [UInt8] = []
        while let bytes = try? await errors.read(), !bytes.isEmpty {
            if all.count < 4096 { all += bytes }
        }
        return String(decoding: all, as: UTF8.self)
    }

    // MARK: Care

    func all() -> [(hash: String, bytes: Int64, used: Date)] {
        Files.list(root).compactMap { name in
            var status = stat()
            guard stat(path(name), &status) == 0 else { return nil }
            return (name, Int64(status.st_blocks) * 512, Date(timeIntervalSince1970: Double(status.st_mtim.tv_sec)))
        }
    }

    func remove(_ hash: String) { try? Files.remove(path(hash)) }
}
