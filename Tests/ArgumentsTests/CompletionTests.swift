import Arguments
import Foundation
import Testing

/// What is offered at the end of a line; the last word is the one being typed. The same for every shell.
private let offers: [(line: [String], words: [String])] = [
    (["ru"], ["run", "runs"]),
    (["run", "--sch"], ["--schema"]),
    (["--home", "sub", "run", "--sch"], ["--schema"]),
    (["r", "--max"], ["--max-cost", "--max-turns"]),
    (["run", "--secret"], []),
    (["ses"], []),
    (["run", "--output", "j"], ["json"]),
    (["run", "-o", "t"], ["text"]),
    (["run", "--verb"], ["--verbose"]),
    (["run", "--schema", "fi"], ["file with 'quotes'.json", "findings.json"]),
    (["run", "--dir", "s"], ["sub"]),
    (["run", "--schema", "x", "fin"], ["findings.json"]),
    (["run", "--repo", "fin"], []),
    (["template", "b"], ["build"]),
    (["template", "build", "c"], ["claude"]),
    (["template", "list", "fin"], []),
    (["help", "mod"], ["model"]),
    (["runs", "sh"], ["show"]),
    (["exec", "fin"], []),
    (["exec", "--t"], ["--tty"]),
    (["exec", "i1", "fin"], ["findings.json"]),
    (["exec", "i1", "ls", "--t"], []),
    (["run", "--", "fin"], ["findings.json"]),
]

private let files = ["findings.json": "{}", "file with 'quotes'.json": "{}", "sub/x": "", "some.txt": ""]

@Suite struct `a completion script` {
    @Test func `offers the right words in bash`() async throws {
        let bash = try #require(ShellSession.find("bash"))
        try await ShellSession.with(files.merging(["script": script(.bash)]) { $1 }) { session in
            let lines = offers.map { "complete_line \(($0.line).map(quote).joined(separator: " "))" }
            let harness = """
                source ./script || exit 9
                complete_line() {
                    COMP_WORDS=(martlet "$@") COMP_CWORD=$# COMPREPLY=()
                    _martlet martlet "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
                    printf '%s|' "${COMPREPLY[@]}"
                    printf '\\n'
                }
                \(lines.joined(separator: "\n"))
                complete -p martlet
                """
            let output = try await session.output(bash, ["--norc", "--noprofile", "-uc", harness])
            expect(output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
            #expect(output.contains("complete -F _martlet martlet"))
        }
    }

    @Test func `completes after an equals sign in bash`() async throws {
        let bash = try #require(ShellSession.find("bash"))
        try await ShellSession.with(files.merging(["script": script(.bash)]) { $1 }) { session in
            let harness = """
                source ./script
                COMP_WORDS=(martlet run --output = js) COMP_CWORD=4; _martlet; echo "${COMPREPLY[@]}"
                COMP_WORDS=(martlet run --output =) COMP_CWORD=3; _martlet; echo "${COMPREPLY[@]}"
                COMP_WORDS=(martlet run --output = json --sch) COMP_CWORD=5; _martlet; echo "${COMPREPLY[@]}"
                """
            let output = try await session.output(bash, ["--norc", "--noprofile", "-c", harness])
            #expect(output == "json\ntext json stream-json\n--schema\n")
        }
    }

    @Test(.enabled(if: ShellSession.find("fish") != nil, "fish is not installed: apt-get install fish"))
    func `offers the right words in fish`() async throws {
        let fish = try #require(ShellSession.find("fish"))
        try await ShellSession.with(files.merging(["script": script(.fish)]) { $1 }) { session in
            let lines = offers.map { offer in
                let line = "martlet " + offer.line.joined(separator: " ")
                return "printf '%s|' (complete -C '\(line)' | string replace -r '\\t.*' ''); echo"
            }
            let harness = "source ./script; or exit 9\n" + lines.joined(separator: "\n")
            let output = try await session.output(fish, ["--no-config", "-c", harness])
            expect(output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
        }
    }

    @Test(.enabled(if: ShellSession.find("zsh") != nil, "zsh is not installed: apt-get install zsh"))
    func `offers the right words in zsh`() async throws {
        let zsh = try #require(ShellSession.find("zsh"))
        try await ShellSession.with(files.merging(["script": script(.zsh), "harness": zshHarness]) { $1 }) { session in
            let lines = offers.map { "martlet " + $0.line.joined(separator: " ") }
            let output = try await session.output(zsh, ["-f", "./harness"] + lines)
            expect(output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
        }
    }

    @Test(arguments: Shell.allCases)
    func `quotes help, values and names so that nothing in them is run`(_ shell: Shell) async throws {
        let evil = "$(touch gone) `touch gone` ' \" \\ ; touch gone; a:b=[c]{d,e}*?~!^#&<>"
        let tree = Command(
            "martlet",
            summary: "x",
            subcommands: [
                Command(
                    "run",
                    summary: evil,
                    options: [.value("--x", evil, evil, completion: .values([evil])), .flag("--flag", evil)],
                    arguments: [Positional(evil, evil, completion: .values([evil]))]
                ) { _ in .success }
            ]
        )
        guard let path = ShellSession.find(shell.rawValue) else {
            try Test.cancel("\(shell.rawValue) is not installed: apt-get install \(shell.rawValue)")
        }
        let harness =
            switch shell {
            case .bash:
                """
                source ./script
                COMP_WORDS=(martlet r) COMP_CWORD=1; _martlet
                COMP_WORDS=(martlet run '') COMP_CWORD=2; _martlet
                COMP_WORDS=(martlet run --x '') COMP_CWORD=3; _martlet
                eval "printf '%s|\\n' ${COMPREPLY[0]}"
                """
            case .zsh: zshHarness
            case .fish:
                """
                source ./script
                set ignored (complete -C 'martlet r') (complete -C 'martlet run ')
                printf '%s|\\n' (complete -C 'martlet run --x ' | string replace -r '\\t.*' '')
                """
            }
        let files = ["script": completions(for: tree, shell: shell, program: "martlet"), "harness": harness]
        try await ShellSession.with(files) { session in
            let lines = ["martlet r", "martlet run ", "martlet run --x "]
            let output = try await session.output(path, ["./harness"] + (shell == .zsh ? lines : []))
            #expect(output.split(separator: "\n").last == "\(evil)\(shell == .zsh ? "" : "|")")
            #expect(!FileManager.default.fileExists(atPath: session.folder.appendingPathComponent("gone").path))
        }
    }

    private func script(_ shell: Shell) -> String {
        completions(for: tool, shell: shell, program: "martlet")
    }

    private func quote(_ word: String) -> String { "'\(word)'" }

    private func expect(_ answers: [String]) {
        #expect(answers.count > offers.count)
        for (offer, answer) in zip(offers, answers) {
            // Some shells say a word twice, and some say with a slash that it is a folder.
            let words = Set(answer.split(separator: "|").map { $0.hasSuffix("/") ? String($0.dropLast()) : String($0) })
            #expect(words.sorted() == offer.words, "martlet \(offer.line.joined(separator: " "))")
        }
    }
}

/// Runs the completion system in a terminal of its own, with `compadd` replaced by one that tells what it would add.
private let zshHarness = #"""
    zmodload zsh/zpty
    zpty inner zsh -f -i
    ask() { zpty -w inner "$1" }
    ask 'PS1= PS2= RPS1= ; stty -echo columns 4000; unsetopt zle_bracketed_paste prompt_cr; bindkey -e'
    ask 'autoload -Uz compinit; compinit -D -u; source ./script'
    ask 'compadd() { if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
        typeset -a hits; builtin compadd -A hits "$@"; local h; for h in $hits; do
        found+=(${${(Q)h}%=}); done; builtin compadd "$@" }'
    ask 'typeset -ga found; offer() { found=(); zle complete-word; print -r -- "BEGIN${(j:|:)found}END"; BUFFER=""; zle .accept-line }'
    ask 'zle -N offer; bindkey "^I" offer; print READ""Y'
    zpty -r inner text $'*READY*'
    for line in "$@"; do
        zpty -w -n inner "$line"$'\t'
        zpty -r inner text $'*BEGIN*END*'
        text=${text##*BEGIN}
        print -r -- "${text%%END*}"
    done
    zpty -d inner
    """#
