import FoundationEssentials
import Testing

@testable import Egress

@Suite struct `a policy of what leaves` {
    private func decide(
        _ policy: EgressPolicy,
        _ host: String?,
        _ text: String,
        _ port: UInt16 = 443
    ) throws -> EgressDecision {
        CompiledPolicy(policy).decide(name: try host.map { try domain($0) }, address: try ip(text), port: port)
    }

    @Test func `lets allow beat deny, and names the rule`() throws {
        let policy = try EgressPolicy.e2b(allowOut: ["1.1.1.1", "api.example.com"], denyOut: ["0.0.0.0/0"])
        #expect(try decide(policy, nil, "1.1.1.1") == .allowed(.rule("allowOut 1.1.1.1")))
        #expect(try decide(policy, "api.example.com", "8.8.8.8") == .allowed(.rule("allowOut api.example.com")))
        #expect(try decide(policy, "example.com", "8.8.8.8") == .denied(.rule("denyOut 0.0.0.0/0")))
        #expect(try decide(policy, nil, "2606:4700::1") == .denied(.rule("denyOut 0.0.0.0/0")))
        let some = try EgressPolicy.e2b(allowOut: ["8.8.8.8"], denyOut: ["8.8.0.0/16"])
        #expect(try decide(some, nil, "8.8.8.8").isAllowed)
        #expect(try decide(some, nil, "8.8.4.4") == .denied(.rule("denyOut 8.8.0.0/16")))
        #expect(try decide(some, nil, "9.9.9.9") == .allowed(.fallback))
        let none = try EgressPolicy.e2b(allowsInternet: false)
        #expect(try decide(none, nil, "9.9.9.9") == .denied(.rule("allow_internet_access")))
    }

    @Test func `refuses names where they mean nothing`() throws {
        let error = #expect(throws: EgressError.self) { try EgressPolicy.e2b(allowOut: ["example.com"]) }
        #expect(error?.code == .namesWithoutDenial)
        for text in ["example.com", "*.example.com", "", "1.2.3", "1.2.3.4/33", "http://x", "1.2.3.4:80"] {
            #expect(throws: EgressError.self) { try EgressPolicy.e2b(denyOut: [text]) }
        }
    }

    @Test(arguments: [
        ("example.com", "example.com", true), ("example.com", "EXAMPLE.com", true),
        ("example.com", "a.example.com", false),
        ("*.example.com", "example.com", false), ("*.example.com", "a.example.com", true),
        ("*.example.com", "a.b.example.com", true), ("*.example.com", "evilexample.com", false),
        ("*.Example.com", "a.example.com.", true), ("*", "anything.org", true),
    ])
    func `matches names whole, by label and in any case`(rule: String, host: String, isAllowed: Bool) throws {
        let policy = try EgressPolicy(allow: [rule], deny: [])
        #expect(try decide(policy, host, "8.8.8.8").isAllowed == isAllowed)
        #expect(CompiledPolicy(policy).decide(lookingUp: try domain(host)).isAllowed == isAllowed)
    }

    @Test func `knows ports`() throws {
        let policy = try EgressPolicy(allow: ["pypi.org:443", "8.8.8.8:8000-9000", "[2606:4700::1]:53"], deny: [])
        #expect(try decide(policy, "pypi.org", "9.9.9.9", 443).isAllowed)
        #expect(try !decide(policy, "pypi.org", "9.9.9.9", 80).isAllowed)
        #expect(try decide(policy, nil, "8.8.8.8", 8000).isAllowed && decide(policy, nil, "8.8.8.8", 9000).isAllowed)
        #expect(try !decide(policy, nil, "8.8.8.8", 7999).isAllowed)
        #expect(try decide(policy, nil, "2606:4700::1", 53).isAllowed)
        let denying = try EgressPolicy(allow: [], deny: ["example.com:25"])
        #expect(CompiledPolicy(denying).decide(lookingUp: try domain("example.com")).isAllowed)
        #expect(try !decide(denying, "example.com", "8.8.8.8", 25).isAllowed)
    }

    @Test(arguments: [
        "0.0.0.0", "10.0.2.2", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.0.0.192", "192.168.1.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::a00:1",
        "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
        "100::1",
    ])
    func `closes what is not the public internet, whatever is allowed`(text: String) throws {
        for policy in [
            EgressPolicy.open, try EgressPolicy(allow: ["*"], deny: []),
            try EgressPolicy.e2b(allowOut: ["0.0.0.0/0", "10.0.0.0/8", "127.0.0.1", "169.254.169.254", "fd00::/8"]),
            try EgressPolicy(allow: ["0.0.0.0/1", "128.0.0.0/1", "::/1", "f000::/4"], deny: []),
        ] {
            guard case .denied(.platform(.closedAddress)) = try decide(policy, "good.com", text) else {
                Issue.record("\(text) is open")
                continue
            }
        }
    }

    @Test func `opens a closed address to the machine's owner who names it`() throws {
        let policy = try EgressPolicy(allow: ["192.168.7.0/24:5432", "127.0.0.1:8080"], deny: [])
        #expect(try decide(policy, nil, "192.168.7.9", 5432).isAllowed)
        #expect(try decide(policy, nil, "127.0.0.1", 8080).isAllowed)
        #expect(
            try !decide(policy, nil, "192.168.7.9", 22).isAllowed && !decide(policy, nil, "192.168.8.9", 5432).isAllowed
        )
        // A name that leads there does not.
        #expect(try !decide(try EgressPolicy(allow: ["db.internal"], deny: []), "db.internal", "192.168.7.9").isAllowed)
    }

    @Test func `closes the addresses of this host`() throws {
        let mine = try ip("8.8.8.8")
        let decision = CompiledPolicy(.open).decide(address: mine, port: 443, host: [mine])
        #expect(decision == .denied(.platform(.closedAddress(.host))))
        #expect(HostAddresses().current.contains(try ip("127.0.0.1")))
    }

    @Test func `evaluates the rules of a firewall`() throws {
        let policy = EgressPolicy.firewall([
            FirewallRule(id: "web", range: AddressRange("8.8.8.0/24"), port: 443, transport: .tcp),
            FirewallRule(id: "dns", port: 53, transport: .udp),
        ])
        #expect(try decide(policy, nil, "8.8.8.8").evaluation.ruleID == "web")
        #expect(try decide(policy, nil, "8.8.8.8").evaluation.result == "allowedByRule")
        #expect(try decide(policy, nil, "8.8.8.8", 53).evaluation.result == "denied")
        #expect(try decide(policy, nil, "8.8.8.8", 25).evaluation.reason == "outboundMail")
        #expect(try decide(policy, nil, "10.0.0.1").evaluation.result == "deniedByPlatform")
    }

    @Test func `comes back from records as it went`() throws {
        let policy = try EgressPolicy(
            allow: ["*", "a.b:1-2", "*.c.d", "1.2.3.4", "10.0.0.0/8", "[2001:4860::/32]:443", "2001:4860::1"],
            deny: ["x.y"]
        )
        let data = try JSONEncoder().encode(policy)
        #expect(try JSONDecoder().decode(EgressPolicy.self, from: data) == policy)
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(EgressTarget.self, from: Data("\"a b\"".utf8)) }
    }

    @Test func `finds the right one of a thousand rules, and the first of those that match`() throws {
        var rules = (0..<1000).map { index in
            EgressPolicy.Rule(id: "\(index)", .allow, EgressTarget("h\(index).example.com:443")!)
        }
        rules += (0..<250).map { EgressPolicy.Rule(id: "r\($0)", .allow, EgressTarget("8.\($0).0.0/\(16 + $0 % 10)")!) }
        rules.append(EgressPolicy.Rule(id: "again", .allow, EgressTarget("h700.example.com")!))
        let policy = EgressPolicy(rules: rules, fallback: .deny)
        #expect(try decide(policy, "h700.example.com", "9.9.9.9") == .allowed(.rule("700")))
        #expect(try decide(policy, "h700.example.com", "9.9.9.9", 80) == .allowed(.rule("again")))
        #expect(try decide(policy, nil, "8.200.0.1") == .allowed(.rule("r200")))
        #expect(try decide(policy, "h1000.example.com", "9.9.9.9") == .denied(.fallback))
    }
}

@Suite struct `addresses and names` {
    @Test(arguments: [
        "1.2.3", "1.2.3.256", "01.2.3.4", "0x7f.0.0.1", "2130706433", "1.2.3.4 ", "", "::g", "fe80::1%eth0",
        "1.2.3.4\0",
        "[::1]", "::ffff:1.2.3.400",
    ])
    func `are no addresses in other spellings`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func `are one, however they are written`() throws {
        #expect(try ip("::FFFF:8.8.8.8") == ip("8.8.8.8"))
        #expect(try ip("::ffff:808:808") == ip("8.8.8.8"))
        #expect(try "\(ip("2001:4860:0:0::1"))" == "2001:4860::1")
        #expect(AddressRange("::ffff:10.0.0.0/104") == AddressRange("10.0.0.0/8"))
        #expect(AddressRange("8.8.8.8/16")?.description == "8.8.0.0/16")
    }

    @Test(arguments: [
        "", ".", "..", "a..b", "-a.com", "a-.com", "a b", "é.com", "1.2.3.4", "127.1", "0x7f000001", "a.0x1", "a/b",
        "a:1",
        "a\0b", String(repeating: "a", count: 64) + ".com", "com." + String(repeating: "a.", count: 126) + "c",
    ])
    func `are no names when they are not plain`(text: String) {
        #expect(DomainName(text) == nil)
    }

    @Test func `are names in any case, with a dot at the end or without`() throws {
        #expect(try domain("GitHub.COM.") == domain("github.com"))
        #expect(try domain("_x.a-b.xn--p1ai").text == "_x.a-b.xn--p1ai")
        #expect(try Array(domain("a.b.c").parents) == ["b.c", "c"])
    }
}
