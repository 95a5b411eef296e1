import Linux

/// The files of one volume, as whoever has its token may use them.
package struct VolumeContent: Sendable {
    let files: VolumeFiles
    let incoming: IncomingFiles

    package func entry(at path: VolumePath) async throws -> VolumeEntry {
        try await BlockingPool.run { [files] in try files.entry(at: path) }
    }

    /// Changes what stands at a path, or where the link there leads.
    package func change(_ path: VolumePath, _ attributes: VolumeAttributes) async throws -> VolumeEntry {
        try await BlockingPool.run { [files] in try files.change(path, attributes) }
    }

    /// Removes what stands at a path, a directory with all below it.
    package func remove(_ path: VolumePath) async throws {
        try await BlockingPool.run { [files] in try files.remove(path) }
    }

    /// What is in a directory, and below it to a depth.
    package func list(_ path: VolumePath, depth: Int) async throws -> [VolumeEntry] {
        try await BlockingPool.run { [files] in try files.list(path, depth: depth) }
    }

    /// - Parameter makesParents: whether what is missing above is made too, and a directory that is there is no error.
    package func makeDirectory(
        _ path: VolumePath,
        _ attributes: VolumeAttributes,
        makesParents: Bool
    ) async throws -> VolumeEntry {
        try await BlockingPool.run { [files] in
            try files.makeDirectory(path, attributes, makesParents: makesParents)
        }
    }

    /// Opens a file, to be read piece by piece.
    package func read(_ path: VolumePath) async throws -> OutgoingFile {
        try await BlockingPool.run { [files] in
            let (file, size) = try files.open(path)
            return OutgoingFile(file: file, size: size)
        }
    }

    /// Writes a file whole or not at all.
    ///
    /// - Parameters:
    ///   - size: how large it will be, if that is known.
    ///   - next: its next bytes; none is the end. Never called before the last ones are written.
    package func write(
        _ path: VolumePath,
        _ attributes: VolumeAttributes,
        makesParents: Bool,
        size: Int?,
        from next: () async throws -> [UInt8]
    ) async throws -> VolumeEntry {
        let file = try await BlockingPool.run { [files, incoming] in
            try files.checkTarget(path, makesParents: makesParents)
            return try files.told(path) { () throws(LinuxError) in try incoming.start(size: size.map(Int64.init)) }
        }
        var count = 0
        while true {
            let bytes = try await next()
            if bytes.isEmpty { break }
            try await BlockingPool.run { [files, count] in
                try files.told(path) { () throws(LinuxError) in try file.write(bytes, at: count) }
            }
            count += bytes.count
        }
        return try await BlockingPool.run { [files] in
            try files.place(file, at: path, attributes, makesParents: makesParents)
        }
    }
}

/// An open file of a volume; read by one task.
package struct OutgoingFile: Sendable {
    private static let piece: Int64 = 256 * 1024

    let file: Descriptor
    /// When it was opened. A file that has become shorter since ends before that, one that grew at it.
    package let size: Int64

    /// Hands out the file's bytes up to its size, piece by piece; the next is read when the last was taken.
    package func read(_ take: ([UInt8]) async throws -> Void) async throws {
        var left = size
        while left > 0 {
            let bytes = try await BlockingPool.run { [file, left] in try file.read(upTo: Int(min(Self.piece, left))) }
            if bytes.isEmpty { return }
            try await take(bytes)
            left -= Int64(bytes.count)
        }
    }
}
