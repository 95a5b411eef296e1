import CLinux
import Glibc
import Linux
import Wire

extension FileEntry {
    /// Describes what stands at `path`; a link is described itself, with the type of its target. Blocks.
    ///
    /// - Parameter shown: the path as the caller knows it.
    init(at path: String, as shown: String, _ accounts: Accounts) throws(LinuxError) {
        var status = stat()
        try check("find '\(shown)'") { lstat(path, &status) }
        self.init(name: shown.split(separator: "/").last.map(String.init) ?? "/", path: shown)
        type = Self.type(status.st_mode)
        if status.st_mode & S_IFMT == S_IFLNK {
            var target = stat()
            type = stat(path, &target) == 0 ? Self.type(target.st_mode) : nil
            symlinkTarget = Self.target(of: path)
        }
        size = String(status.st_size)
        mode = status.st_mode & 0o777
        permissions = Self.permissions(status.st_mode)
        owner = accounts.userName(status.st_uid)
        group = accounts.groupName(status.st_gid)
        modifiedTime = Self.time(status.st_mtim)
        let notes = FileMetadata.read(path)
        if !notes.isEmpty { metadata = notes }
    }

    private static func type(_ mode: mode_t) -> String? {
        switch mode & S_IFMT {
        case S_IFREG: "FILE_TYPE_FILE"
        case S_IFDIR: "FILE_TYPE_DIRECTORY"
        default: nil
        }
    }

    /// Where a link leads in the end, or what is written in it when that leads nowhere.
    private static func target(of path: String) -> String? {
        if let resolved = realpath(path, nil) {
            defer { free(resolved) }
            return String(cString: resolved)
        }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = readlink(path, &buffer, buffer.count)
        guard length > 0 else { return nil }
        return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The letters of Go's `FileMode`, which E2B shows: kind and special bits first, then nine for the rights.
    private static func permissions(_ mode: mode_t) -> String {
        var letters =
            switch mode & S_IFMT {
            case S_IFDIR: "d"
            case S_IFLNK: "L"
            case S_IFBLK: "D"
            case S_IFCHR: "Dc"
            case S_IFIFO: "p"
            case S_IFSOCK: "S"
            default: ""
            }
        if mode & S_ISUID != 0 { letters += "u" }
        if mode & S_ISGID != 0 { letters += "g" }
        if mode & S_ISVTX != 0 { letters += "t" }
        if letters.isEmpty { letters = "-" }
        for (index, letter) in "rwxrwxrwx".enumerated() {
            letters.append(mode & (0o400 >> mode_t(index)) != 0 ? letter : "-")
        }
        return letters
    }

    /// RFC 3339 in UTC, with as many digits of the second as there are.
    static func time(_ time: timespec) -> String {
        var seconds = time.tv_sec
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let date = [parts.tm_mon + 1, parts.tm_mday].map(twoDigits).joined(separator: "-")
        let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map(twoDigits).joined(separator: ":")
        var fraction = ""
        if time.tv_nsec > 0 {
            let digits = String(time.tv_nsec)
            fraction = "." + String(repeating: "0", count: 9 - digits.count) + digits
            while fraction.hasSuffix("0") { fraction.removeLast() }
        }
        return "\(parts.tm_year + 1900)-\(date)T\(clock)\(fraction)Z"
    }

    private static func twoDigits(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

extension CallError {
    /// What a caller is told about a system call on one of its files.
    init(_ error: LinuxError, _ path: String? = nil) {
        switch error.code {
        case .notFound:
            self.init(.notFound, path.map { "path '\($0)' does not exist" } ?? error.message)
        case .isDirectory:
            self.init(.invalidArgument, path.map { "path '\($0)' is a directory" } ?? error.message)
        case .notDirectory:
            self.init(.invalidArgument, path.map { "a part of the path '\($0)' is not a directory" } ?? error.message)
        case .denied, .notPermitted: self.init(.permissionDenied, error.message)
        case .invalid, .nameTooLong, .tooManyLinks: self.init(.invalidArgument, error.message)
        case .exists: self.init(.alreadyExists, error.message)
        case .noSpace, .overQuota: self.init(.resourceExhausted, error.message)
        default: self.init(.internalError, error.message)
        }
    }
}
