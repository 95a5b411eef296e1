import FoundationEssentials
import Linux
import Testing
import Wire

@testable import MCPGateway

/// A server as package indexes have it, installed by the real pip.
@Suite struct `a server of the catalogue` {
    /// Makes a wheel of the tests' own server, whose program is `mini-server`.
    private static let wheelMaker = """
        import sys, zipfile
        server, wheel = sys.argv[1:]
        script = "#!python\\n" + open(server).read()
        files = {
            "mini-1.0.data/scripts/mini-server": script,
            "mini-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: mini\\nVersion: 1.0\\n",
            "mini-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        }
        record = "mini-1.0.dist-info/RECORD"
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, text in files.items():
                entry = zipfile.ZipInfo(name)
                entry.external_attr = 0o100755 << 16
                archive.writestr(entry, text)
            archive.writestr(record, "".join(name + ",,\\n" for name in [*files, record]))
        """

    private func withCatalogue(
        _ kind: String,
        _ body: (_ catalogue: Catalogue, _ place: String) async throws -> Void
    ) async throws {
        let root = "/tmp/martlet-pull-\(Random.name(10))"
        try Files.makeDirectory(root)
        defer { try? Files.remove(root) }
        let wheel = "\(root)/mini-1.0-py3-none-any.whl"
        let made = try await Program("python3", ["-c", Self.wheelMaker, "\(Gate.programs)/mcp_server.py", wheel]).run()
        try #require(made.status.isSuccess, "\(made.errorText)")
        let entry: JSONValue = [
            "install": .object([kind: .string(wheel)]), "command": ["${directory}/bin/mini-server", "${name}"],
            "required": ["name"],
        ]
        let servers: JSONValue = ["servers": ["mini": entry]]
        try await body(try Catalogue(parsing: servers.encoded(), place: "\(root)/place"), "\(root)/place")
    }

    @Test(arguments: ["pip", "uv"])
    func `is installed when it is first needed, also over what an attempt left that was cut off`(kind: String)
        async throws
    {
        try await withCatalogue(kind) { catalogue, place in
            try Files.makeDirectory("\(place)/mini/bin")
            try Files.write("not a program".utf8, to: "\(place)/mini/bin/python")
            try await Gate.with(["mini": ["name": "one"]], catalogue: catalogue) { gate in
                let said = try await gate.call("mini__echo", ["text": "a"])
                #expect(said == "one: a")
            }
            let installation = try #require(try catalogue.installation(of: "mini"))
            #expect(installation.isDone)
            // Nothing is done twice.
            try Files.write("kept".utf8, to: "\(place)/mini/kept")
            try await installation.run("mini")
            #expect(Files.exists("\(place)/mini/kept"))
        }
    }

    @Test func `that can not be installed says what pip said`() async throws {
        let servers =
            #"{"servers": {"none": {"install": {"pip": "/nowhere/none-1.0-py3-none-any.whl"}, "command": ["a"]}}}"#
        let root = "/tmp/martlet-pull-\(Random.name(10))"
        defer { try? Files.remove(root) }
        let catalogue = try Catalogue(parsing: Array(servers.utf8), place: root)
        let installation = try #require(try catalogue.installation(of: "none"))
        await #expect {
            try await installation.run("none")
        } throws: { error in
            "\(error)".contains("'none' could not be installed") && "\(error)".contains("/nowhere/none")
        }
        #expect(!installation.isDone)
    }
}
