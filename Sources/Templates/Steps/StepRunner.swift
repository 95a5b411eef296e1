import GuestLink
import Linux
import RPC
import Wire

/// Does in a guest what a step says.
struct StepRunner: Sendable {
    let guest: GuestLink
    let files: UploadedFiles
    let log: StepLog
    /// What the guest reaches outside; nil where nobody has opened a way.
    var network: BuildNetwork?
    /// After which a command is taken for one that hangs.
    var limit = StepRunner.defaultLimit

    static let defaultLimit = Duration.seconds(3600)
    private static let shells = ["/bin/bash", "/bin/sh"]

    /// - Parameter context: what the steps before have set; what this one sets is not in it yet.
    /// - Returns: whether the guest is another one than before.
    func run(_ instruction: Instruction, in context: StepContext) async throws -> Bool {
        switch instruction {
        case .run(let command, let user):
            try await run(command, user: user ?? context.user, in: context)
            return true
        case .copy(let copy):
            try await self.copy(copy, in: context)
            return true
        case .environment(let variables):
            var context = context
            context.apply(instruction)
            guard variables.contains(where: { $0.name == "PATH" }) else { return false }
            try await keepPath(context.environment["PATH"] ?? StepContext.standardPath)
            return true
        case .directory:
            var after = context
            after.apply(instruction)
            let said = try await script(
                "[ -d \"$1\" ] || { mkdir -p -- \"$1\" && chown \"$2\" -- \"$1\" && echo made; }",
                [after.directory, context.user],
                failure: "the directory '\(after.directory)' can not be made"
            )
            return !said.isEmpty
        case .user: return false
        }
    }

    // MARK: RUN

    private func run(_ command: String, user: String, in context: StepContext) async throws {
        let status = try await shell(command, user: user, in: context, limit: limit) { line, isError in
            log.output(line, isError: isError)
        }
        guard status == "exit status 0" else {
            throw TemplateError(
                .stepFailed,
                "failed to run command '\(command)': \(status)\(network?.explanation ?? "")"
            )
        }
    }

    /// Runs a command as sandboxes run theirs, and gives how it ended in words.
    func shell(
        _ command: String,
        user: String,
        in context: StepContext,
        limit: Duration = StepRunner.defaultLimit,
        _ line: @Sendable @escaping (String, _ isError: Bool) -> Void
    ) async throws -> String {
        var program = try await self.command(command, user: user, in: context)
        program.limit = limit
        do {
            return try await guest.start(program) { events in
                var output = LineSplitter()
                var errors = LineSplitter()
                while let message = try await events.next() {
                    if let bytes = message.event.data?.stdout {
                        for text in output.add(Array(bytes)) { line(String(decoding: text, as: UTF8.self), false) }
                    }
                    if let bytes = message.event.data?.stderr {
                        for text in errors.add(Array(bytes)) { line(String(decoding: text, as: UTF8.self), true) }
                    }
                    guard let end = message.event.end else { continue }
                    if let rest = output.finish() { line(String(decoding: rest, as: UTF8.self), false) }
                    if let rest = errors.finish() { line(String(decoding: rest, as: UTF8.self), true) }
                    return end.status ?? "exit status \(end.exitCode ?? 0)"
                }
                throw CallError(.dataLoss, "The guest's stream ended before the command did")
            }
        } catch let error as CallError {
            if error.code == .deadlineExceeded {
                throw TemplateError(
                    .stepFailed,
                    "failed to run command '\(command)': it did not end within \(Int(limit / .seconds(1))) seconds and was ended"
                )
            }
            throw TemplateError(
                .stepFailed,
                "failed to run command '\(command)': command failed: \(error.code.rawValue): \(error.message)"
            )
        }
    }

    /// Starts what goes on when the guest is released, and gives its process.
    func startService(_ command: String, in context: StepContext) async throws -> UInt32 {
        var program = try await self.command(command, user: context.user, in: context)
        program.isService = true
        do {
            return try await guest.start(program) { events in
                guard let pid = try await events.next()?.event.start?.pid else {
                    throw CallError(.dataLoss, "The guest did not say which process it started")
                }
                return pid
            }
        } catch let error as CallError {
            throw TemplateError(
                .stepFailed,
                "failed to run command '\(command)': command failed: \(error.code.rawValue): \(error.message)"
            )
        }
    }

    private func command(_ text: String, user: String, in context: StepContext) async throws -> GuestLink.Command {
        GuestLink.Command(
            try await findShell(),
            ["-l", "-c", text],
            user: user,
            environment: context.environment,
            directory: context.directory
        )
    }

    private func findShell() async throws -> String {
        // Looked for and not tried: a program that is started costs a slow guest more than all else that is done about a step.
        for shell in Self.shells {
            do {
                _ = try await guest.call(StatFile.self, .init(path: shell), user: "root")
                return shell
            } catch is CallError {}
        }
        throw TemplateError(.stepFailed, "There is no shell in the image, so no command can be run in it")
    }

    // MARK: COPY

    private func copy(_ copy: Instruction.Copy, in context: StepContext) async throws {
        let stage = "/var/tmp/.martlet-copy"
        try await script("rm -rf \"$1\"; mkdir -m 700 \"$1\"", [stage], failure: "nothing can be copied")
        try await files.unpack(copy.files, to: guest, in: stage)
        try await script(
            Self.copyScript,
            [
                stage, context.substituted(copy.source), context.absolute(context.substituted(copy.destination)),
                copy.user ?? context.user, copy.mode ?? "",
            ],
            failure: "'\(copy.source)' can not be copied to '\(copy.destination)'"
        )
    }

    /// Puts in its place what was unpacked, as `docker COPY` does. Arguments: where it is, the pattern, the destination, its
    /// owner, its mode or nothing.
    ///
    /// A directory's contents are copied, not itself, and directories that are there already stay whose they are.
    private static let copyScript = """
        set -f; set -e
        stage=$1 source=$2 target=$3 owner=$4 mode=$5
        cd "$stage"
        case $source in /*) source=.$source ;; esac
        case $source in ./*) ;; *) source=./$source ;; esac
        set +f; old=$IFS; IFS=; set -- $source; IFS=$old
        [ -e "$1" ] || [ -L "$1" ] || { set -- *; [ "$#" = 1 ] && [ -e "$1" ]; } || { echo "no files match" >&2; exit 1; }
        chown -hR "$owner" .
        [ -z "$mode" ] || chmod -R "$mode" .
        [ -z "$mode" ] || chmod 700 .
        chosen=$#
        for path; do
            if [ -d "$path" ] && [ ! -L "$path" ]; then
                # What comes into a directory of its own needs not be copied once more.
                put='cp -a'
                if [ ! -d "$target" ]; then mkdir -p "$target"; chown "$owner" "$target"; put=mv; fi
                for entry in "$path"/* "$path"/.[!.]* "$path"/..?*; do
                    if [ -e "$entry" ] || [ -L "$entry" ]; then printf '%s\\0' "$entry"; fi
                done | xargs -0 sh -c 'put=$1; target=$2; shift 2; [ "$#" = 0 ] || exec $put -- "$@" "$target/"' sh "$put" "$target"
            else
                name=$target
                case $target in */) name=$target${path##*/} ;; *)
                    if [ "$chosen" -gt 1 ] || [ -d "$target" ]; then name=$target/${path##*/}; fi ;;
                esac
                mkdir -p "${name%/*}/"
                cp -a -- "$path" "$name"
            fi
        done
        cd /
        rm -rf "$stage"
        """

    // MARK: In the guest

    /// Login shells begin with a path of their own; after this, with this one.
    private func keepPath(_ path: String) async throws {
        let quoted = path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
        try await script(
            "mkdir -p /etc/profile.d && printf '%s\\n' \"$1\" > /etc/profile.d/zz-template-path.sh",
            ["export PATH='\(quoted)'"],
            failure: "the PATH can not be kept"
        )
    }

    /// Runs a shell script of our own as root, and gives what it wrote.
    @discardableResult
    func script(_ text: String, _ arguments: [String], failure: String) async throws -> String {
        let command = GuestLink.Command("/bin/sh", ["-c", text, "sh"] + arguments, user: "root", directory: "/")
        let result: CommandResult
        do {
            result = try await guest.run(command, outputLimit: 1024 * 1024)
        } catch let error as CallError {
            throw TemplateError(.stepFailed, "\(failure): \(error.message)")
        }
        guard result.status == 0 else {
            let words = result.errorText.split(separator: "\n").prefix(3).joined(separator: "; ")
            throw TemplateError(.stepFailed, "\(failure): \(words.isEmpty ? result.statusText : words)")
        }
        return result.text
    }
}
