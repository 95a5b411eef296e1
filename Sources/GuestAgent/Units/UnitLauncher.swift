import Glibc
import HTTP
import Linux
import Wire

/// Starts the programs of units.
struct UnitLauncher: Sendable {
    let processes: Processes
    let requester: Requesters
    /// Where the sockets of units that tell how they are are made.
    let noticeDirectory: String

    /// Starts one command of a unit.
    ///
    /// - Throws: ``CallError`` with a whole sentence when it can not be started.
    func start(_ line: String, of unit: Unit, _ variables: [String: String]) async throws(CallError) -> (
        process: GuestProcess, reader: any OutputReader
    ) {
        do {
            let account = try await account(of: unit)
            let setting = Processes.Setting(
                account: account,
                switchesUser: requester.users.areSwitched,
                variables: requester.authority.surroundings.variables,
                directory: unit.directory ?? "/"
            )
            let request = StartProcess.Request(
                process: ProcessConfig(
                    cmd: "/bin/bash",
                    args: ["-c", line],
                    envs: unit.environment.merging(variables) { $1 },
                    cwd: unit.directory ?? "/"
                ),
                tag: unit.name,
                stdin: false
            )
            return try await processes.start(request, setting)
        } catch let error as CallError { throw error } catch let error as HTTPError {
            throw CallError(.invalidArgument, error.message)
        } catch { throw CallError(.internalError, "The program could not be started: \(error)") }
    }

    private func account(of unit: Unit) async throws -> Account {
        let user = unit.user ?? (requester.users.areSwitched ? "root" : nil)
        var account = try await requester.place(named: user).account
        guard let group = unit.group else { return account }
        guard let gid = try await BlockingPool.run({ Accounts.load().group(named: group) }) else {
            throw CallError(.invalidArgument, "There is no group '\(group)'")
        }
        account.gid = gid
        account.groups = [gid] + account.groups.filter { $0 != gid }
        return account
    }
}
