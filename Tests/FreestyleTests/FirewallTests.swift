import Access
import FoundationEssentials
import Testing
import Wire

@testable import Freestyle

@Suite struct `a firewall` {
    private func rule(_ text: String, id: String = "r") throws -> StoredRule {
        let draft = try FirewallRuleDraft(try members(text)).about("vm1")
        return StoredRule(
            id: id,
            owner: .installation,
            source: draft.source,
            destination: draft.destination,
            created: Date()
        )
    }

    private func members(_ text: String) throws -> Members { Members(try JSONValue(parsing: text).object ?? [:]) }

    private func decide(_ question: String, _ rules: [StoredRule]) throws -> JSONValue {
        FirewallDecision(try FirewallDecision.Question(try members(question)), rules).document
    }

    private static let web = #"{"source":{"vmId":"vm1"},"destination":{"cidr":"203.0.114.9","port":443}}"#

    @Test func `denies what no rule allows`() throws {
        #expect(try decide(Self.web, []) == ["type": "denied"])
    }

    @Test(arguments: [
        (#"{"destination":{"public":true}}"#, true), (#"{"destination":{"cidr":"203.0.114.0/24","port":443}}"#, true),
        (#"{"destination":{"cidr":"203.0.114.9"},"protocol":"tcp"}"#, true),
        (#"{"destination":{"cidr":"0.0.0.0/0"},"port":443}"#, true),
        (#"{"destination":{"cidr":"203.0.114.0/24","port":80}}"#, false),
        (#"{"destination":{"cidr":"203.0.115.0/24"}}"#, false),
        (#"{"destination":{"public":true,"protocol":"udp"}}"#, false),
        (#"{"source":{"vmId":"vm2"},"destination":{"public":true}}"#, false),
        (#"{"source":{"public":true}}"#, false),
    ])
    func `lets out what a rule's fields all fit`(_ text: String, _ isAllowed: Bool) throws {
        let decision = try decide(Self.web, [try rule(text)])
        #expect(decision == (isAllowed ? ["type": "allowedByRule", "ruleId": "r"] : ["type": "denied"]))
    }

    @Test(arguments: [25, 465, 587]) func `never lets mail out`(_ port: Int) throws {
        let question = #"{"source":{"vmId":"vm1"},"destination":{"cidr":"203.0.114.9","port":\#(port)}}"#
        let decision = try decide(question, [try rule(#"{"destination":{"public":true}}"#)])
        #expect(decision == ["type": "deniedByPlatform", "reason": "outboundMail"])
    }

    @Test(arguments: ["10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.1", "::1"])
    func `never opens what is not the public internet`(_ address: String) throws {
        let question = #"{"source":{"vmId":"vm1"},"destination":{"cidr":"\#(address)","port":80}}"#
        let decision = try decide(question, [try rule(#"{"destination":{"public":true}}"#)])
        #expect(decision["type"] == "deniedByPlatform")
    }

    @Test func `lets in what a rule allows`() throws {
        let rules = [try rule(#"{"source":{"cidr":"198.51.100.0/24"},"destination":{"port":22}}"#)]
        let question = #"{"source":{"cidr":"198.51.100.7"},"destination":{"vmId":"vm1","port":22}}"#
        #expect(try decide(question, rules) == ["type": "allowedByRule", "ruleId": "r"])
        for other in [
            #"{"source":{"cidr":"198.51.101.7"},"destination":{"vmId":"vm1","port":22}}"#,
            #"{"source":{"cidr":"198.51.100.7"},"destination":{"vmId":"vm2","port":22}}"#,
            #"{"source":{"cidr":"198.51.100.7"},"destination":{"vmId":"vm1","port":23}}"#,
            #"{"source":{"public":true},"destination":{"vmId":"vm1","port":22}}"#,
        ] {
            #expect(try decide(other, rules) == ["type": "denied"])
        }
    }

    @Test(arguments: [
        #"{"sorce":{}}"#, #"{"source":{"vm":"x"}}"#, #"{"destination":{"cidr":"x"}}"#,
        #"{"destination":{"port":0}}"#, #"{"protocol":"sctp"}"#, #"{"destination":"public"}"#,
    ])
    func `refuses a rule with a mistake in it`(_ text: String) {
        #expect { try FirewallRuleDraft(try members(text)) } throws: { ($0 as? FreestyleError)?.status == 400 }
    }

    @Test(arguments: [#"{"source":{"vpcId":"vpc-1"}}"#, #"{"destination":{"tunnelId":"tun-1"}}"#])
    func `knows no private networks`(_ text: String) {
        #expect { try FirewallRuleDraft(try members(text)) } throws: { ($0 as? FreestyleError)?.status == 404 }
    }
}
