import HTTP
import Testing

@Suite struct `a route to the end of a path` {
    private func match(_ target: String) -> String? {
        var table = RouteTable<String>()
        table.add("GET", "/vms/{id}/files/{path...}", "file")
        table.add("GET", "/vms/{id}/files", "files")
        guard
            case .found(let name, let parameters) = table.match(
                "GET",
                RequestHead(method: "GET", target: target).pathParts
            )
        else { return nil }
        return "\(name) \(parameters["path"] ?? "-")"
    }

    @Test(arguments: [
        ("/vms/1/files/root/.claude.json", "file root/.claude.json"), ("/vms/1/files//root/a", "file root/a"),
        ("/vms/1/files/%2Froot%2Fa%20b", "file /root/a b"), ("/vms/1/files/a", "file a"), ("/vms/1/files", "files -"),
    ])
    func `takes all that is left`(_ target: String, _ expected: String) {
        #expect(match(target) == expected)
    }

    @Test func `needs what is before it`() {
        #expect(match("/vms/1/other/a") == nil && match("/vms/1") == nil)
    }
}
