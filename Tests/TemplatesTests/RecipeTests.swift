import Linux
import Sandboxes
import Testing
import Wire

@testable import Templates

@Suite struct `the recipe of the template claude` {
    private let recipe = TemplateRecipe.claude

    private func text(_ path: String) -> String { recipe.files.first { $0.path == path }?.text ?? "" }

    @Test func `answers beforehand what Claude Code would ask`() throws {
        let state = try JSONValue(parsing: text("~/.claude.json"))
        #expect(state["hasCompletedOnboarding"]?.bool == true)
        let approved = state["customApiKeyResponses"]?["approved"]?[0]?.string
        #expect(approved?.count == 20)
        #expect(approved.map(GuestProtocol.placeholderKey.hasSuffix) == true)
        #expect(state["projects"]?["/"]?["hasTrustDialogAccepted"]?.bool == true)
        let settings = try JSONValue(parsing: text("~/.claude/settings.json"))
        #expect(settings["skipDangerousModePermissionPrompt"]?.bool == true)
    }

    @Test func `shows every shell the way to the model`() async throws {
        let script = text("/etc/profile.d/martlet.sh") + "\necho \"$ANTHROPIC_BASE_URL\""
        let output = try await Program("sh", ["-euc", script]).run()
        #expect(output.text == "http://127.0.0.1:49984\n")
        #expect(text("/etc/environment").contains("ANTHROPIC_BASE_URL=http://127.0.0.1:49984\n"))
    }

    @Test func `is made of scripts that a shell can read`() async throws {
        for script in [recipe.baseScript, recipe.diskScript, recipe.initialRAMDiskScript] {
            let output = try await Program("sh", ["-n"], input: Array(script.utf8)).run()
            #expect(output.status.isSuccess, "\(output.errorText)")
        }
    }

    @Test func `pins what it fetches from strangers`() throws {
        let claude = try #require(recipe.claude)
        let packages = claude.pythonRequirements.split(separator: "\n")
        for package in packages { #expect(package.contains("==") && package.contains(" --hash=sha256:")) }
        #expect(packages.contains { $0.hasPrefix("fastmcp==") })
        for digest in [claude.wheelDigest, try #require(claude.digest)] + packages.map({ String($0.suffix(64)) }) {
            #expect(digest.count == 64 && digest.allSatisfy(\.isHexDigit))
        }
    }

    @Test func `loads a module after those it needs`() throws {
        func place(_ name: String) throws -> Int {
            try #require(recipe.modules.firstIndex { $0.hasSuffix("/\(name)") })
        }
        #expect(try place("virtio_ring") < place("virtio"))
        #expect(try place("virtio") < place("virtio_mmio"))
        #expect(try place("virtio_mmio") < place("virtio_blk"))
        #expect(try place("failover") < place("net_failover"))
        #expect(try place("net_failover") < place("virtio_net"))
    }
}

@Suite struct `the recipe of the template base` {
    private let recipe = TemplateRecipe.base

    @Test func `has nothing of Claude Code`() {
        #expect(!recipe.layers.contains(.claude) && !recipe.layers.contains(.packages))
        #expect(recipe.environment == ["LANG": "C.UTF-8"])
        #expect(!recipe.files.contains { $0.path.contains("claude") })
    }

    @Test func `is what the other is, but for Claude Code`() {
        var other = TemplateRecipe.claude
        other.claude = nil
        #expect(other.baseScript == recipe.baseScript && other.kernelParameters == recipe.kernelParameters)
        #expect(BuildTemplate.recipes == TemplateRecipe.all.map(\.name))
    }
}

@Suite struct `the model of the warm-up` {
    private func text(_ assistants: Int, tools: Bool = true) -> String {
        let messages = (0..<assistants).flatMap { _ -> [JSONValue] in [["role": "user"], ["role": "assistant"]] }
        let request: JSONValue = [
            "messages": .array(messages + [["role": "user"]]), "tools": tools ? [["name": "Bash"]] : [],
        ]
        return String(decoding: CannedModel.events(for: request), as: UTF8.self)
    }

    @Test func `asks for each tool once and takes its leave`() {
        for (step, name) in ["Bash", "Read", "Grep"].enumerated() {
            #expect(text(step).contains("\"name\":\"\(name)\""))
        }
        #expect(text(3).contains(CannedModel.farewell))
        #expect(text(3).contains("end_turn"))
    }

    @Test func `asks for no tool where there is none`() {
        #expect(text(0, tools: false).contains(CannedModel.farewell))
    }
}
