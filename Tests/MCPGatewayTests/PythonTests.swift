import Linux
import Testing
import Wire

@testable import MCPGateway

private let python = Program.variable("MARTLET_TEST_PYTHON")

@Suite(.enabled(if: python != nil, "set MARTLET_TEST_PYTHON to what Tests/python/make-environment prints"))
struct `a gateway in the Python world` {
    private static let program = """
        from fastmcp import FastMCP
        server = FastMCP("told")
        @server.tool
        def say(text: str) -> str:
            return text.upper()
        server.run(show_banner=False)
        """

    @Test(arguments: ["fastmcp", "sdk"])
    func `serves FastMCP's servers to the clients that people use`(kind: String) async throws {
        let path = python ?? "python3"
        let servers: JSONValue = ["told": ["command": .string(path), "args": ["-c", .string(Self.program)]]]
        try await Gate.with(servers) { gate in
            let client = try Program(
                path,
                ["\(Gate.programs)/gateway_clients.py", kind, gate.url, Gate.token, "told__say"]
            )
            let output = try await client.run()
            try #require(output.status.isSuccess, "\(output.errorText)")
            let seen = try JSONValue(parsing: output.output)
            #expect(seen == ["tools": ["told__say"], "text": "HELLO"])
        }
    }
}
