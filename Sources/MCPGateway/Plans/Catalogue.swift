import Linux
import Wire

/// The servers that are known by name: how each is installed and started. The list that comes with the gateway is
/// `catalogue.json`; a file of the same form replaces or adds servers.
package struct Catalogue: Sendable {
    private var servers: [String: JSONValue] = [:]
    /// Below which servers are installed.
    private let place: String

    package static let file = "/etc/mcp-gateway/catalogue.json"

    /// The list that comes with the gateway, and that of `file` if it is there.
    package static func standard(file: String = file, place: String = "/opt/mcp") throws -> Catalogue {
        var catalogue = try Catalogue(parsing: PackageResources.catalogue_json, place: place)
        guard Files.exists(file) else { return catalogue }
        let own = try Catalogue(parsing: Files.read(file), place: place)
        catalogue.servers.merge(own.servers) { _, own in own }
        return catalogue
    }

    /// Knows no server.
    package static let empty = Catalogue()

    private init() { place = "/" }

    package init(parsing bytes: [UInt8], place: String) throws {
        guard let servers = try JSONValue(parsing: bytes)["servers"]?.object else {
            throw ServerFailure("The catalogue is no object with 'servers'")
        }
        self.servers = servers
        self.place = place
    }

    package var names: [String] { servers.keys.sorted() }

    /// What must be done before a server can be started.
    func installation(of name: String) throws -> Installation? {
        guard let entry = servers[name] else {
            throw ServerFailure("There is no server '\(name)'; the catalogue knows \(names.joined(separator: ", "))")
        }
        return try installation(entry, name)
    }

    private func directory(_ name: String) -> String {
        "\(place)/\(String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") ? $0 : "_" }))"
    }

    private func installation(_ entry: JSONValue, _ name: String) throws -> Installation? {
        guard let install = entry["install"] else { return nil }
        let directory = directory(name)
        let steps: [[String]]
        if let package = install["pip"]?.string {
            steps = Self.stepsOfPip(package)
        } else if let package = install["npm"]?.string {
            steps = [["npm", "install", "--silent", "--prefix", ".", package]]
        } else if let package = install["uv"]?.string {
            // Its packages are the same as pip's.
            steps =
                Program.find("uv") == nil
                ? Self.stepsOfPip(package)
                : [
                    ["uv", "venv", "--quiet", "."],
                    ["uv", "pip", "install", "--quiet", "--python", "bin/python", package],
                ]
        } else if let url = install["url"]?.string, let digest = install["sha256"]?.string {
            steps = [
                ["mkdir", "-p", "bin"], ["curl", "-fsSL", "-o", "bin/\(name)", url],
                ["sh", "-c", "echo \"$0  bin/$1\" | sha256sum --check --status", digest, name],
                ["chmod", "755", "bin/\(name)"],
            ]
        } else {
            throw ServerFailure("The catalogue does not say how the server '\(name)' is installed")
        }
        return Installation(directory: directory, steps: steps)
    }

    /// By the pip that is there: one of its own for each server, and the compiling of all that it might import, would take a slow
    /// machine minutes.
    private static func stepsOfPip(_ package: String) -> [[String]] {
        [
            ["python3", "-m", "venv", "--without-pip", "."],
            [
                "python3", "-m", "pip", "--python", "bin/python", "install", "--quiet", "--no-compile",
                "--no-cache-dir",
                "--no-input", "--disable-pip-version-check", package,
            ],
        ]
    }

    /// The plan for a server of the catalogue, with the values that the configuration gives.
    func plan(_ name: String, _ values: JSONValue) throws -> ServerPlan? {
        guard let entry = servers[name] else { return nil }
        let given = (values.object ?? [:]).compactMapValues { $0.string ?? ($0 == .null ? nil : $0.text()) }
        for needed in entry["required"]?.array ?? [] where given[needed.string ?? ""] == nil {
            throw ServerFailure("The server '\(name)' needs '\(needed.string ?? "")' in its configuration")
        }
        let directory = directory(name)
        func filled(_ text: String) -> String? {
            var text = text.replacing("${directory}", with: directory)
            for (key, value) in given { text = text.replacing("${\(key)}", with: value) }
            // What was not given leaves its argument or variable out.
            return text.contains("${") ? nil : text
        }
        let command = (entry["command"]?.array ?? []).compactMap { $0.string.flatMap(filled) }
        let environment = (entry["env"]?.object ?? [:]).compactMapValues { $0.string.flatMap(filled) }
        guard !command.isEmpty else {
            throw ServerFailure("The catalogue does not say how the server '\(name)' is started")
        }
        return ServerPlan(
            name: name,
            way: .program(command, environment: environment, directory: nil),
            tools: entry["tools"]?.array.map { Set($0.compactMap(\.string)) },
            installation: try installation(entry, name)
        )
    }

    /// The plan for a repository: `github/OWNER/NAME`, with the commands that install and start it.
    func plan(repository name: String, _ value: JSONValue) throws -> ServerPlan? {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "github" else { return nil }
        let isName = { (part: Substring) in
            part.first != "." && part.first != "-" && !part.isEmpty
                && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
        }
        guard isName(parts[1]), isName(parts[2]), let start = value["runCmd"]?.string, !start.isEmpty else {
            throw ServerFailure("The server '\(name)' needs a 'runCmd', and a name such as 'github/owner/repository'")
        }
        let directory = directory(name)
        var steps = [
            ["git", "clone", "--quiet", "--depth", "1", "https://github.com/\(parts[1])/\(parts[2]).git", "source"]
        ]
        if let install = value["installCmd"]?.string, !install.isEmpty {
            steps.append(["sh", "-c", "cd source && \(install)"])
        }
        return ServerPlan(
            name: name,
            way: .program(
                ["/bin/sh", "-c", start],
                environment: (value["envs"]?.object ?? [:]).compactMapValues(\.string),
                directory: "\(directory)/source"
            ),
            installation: Installation(directory: directory, steps: steps)
        )
    }
}
