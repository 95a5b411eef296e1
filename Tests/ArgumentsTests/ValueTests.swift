import Arguments
import Testing

@Suite struct `a value` {
    @Test(arguments: [("1", 1), ("500", 500), ("+7", 7), ("007", 7)])
    func `is read as a whole number`(_ text: String, _ expected: Int) throws {
        #expect(try invocation("run", "--max-turns", text).integer("--max-turns", in: 1...500) == expected)
    }

    @Test(arguments: ["0", "501", "-3", "x", "", "1.5", "0x10", "9999999999999999999", " 1", "１"])
    func `is refused as a whole number`(_ text: String) throws {
        let invocation = try invocation("run", "--max-turns=\(text)")
        let error = #expect(throws: ArgumentsError.self) { try invocation.integer("--max-turns", in: 1...500) }
        #expect(error?.code == .invalidValue)
        #expect(
            error?.message
                == "option '--max-turns' of 'martlet run' must be a whole number from 1 to 500, not '\(text)'. See 'martlet run --help'."
        )
    }

    @Test(arguments: [("5", 5), ("0.25", 0.25), (".5", 0.5), ("10.00", 10)])
    func `is read as a decimal number`(_ text: String, _ expected: Double) throws {
        #expect(try invocation("run", "--max-cost", text).decimal("--max-cost", in: 0.01...(.infinity)) == expected)
    }

    @Test(arguments: ["0", "nan", "inf", "1e3", "0x1p3", "5$", "", "1.2.3", "-1", "1,5"])
    func `is refused as a decimal number`(_ text: String) throws {
        let invocation = try invocation("run", "--max-cost=\(text)")
        let error = #expect(throws: ArgumentsError.self) {
            try invocation.decimal("--max-cost", in: 0.01...(.infinity))
        }
        #expect(error?.message.contains("must be a number of at least 0.01, not '\(text)'.") == true)
    }

    @Test(arguments: [
        ("90", Duration.seconds(90)), ("90s", .seconds(90)), ("10m", .seconds(600)), ("1h30m", .seconds(5400)),
        ("1h0m5s", .seconds(3605)), ("250ms", .milliseconds(250)), ("1s500ms", .milliseconds(1500)),
        ("2d", .seconds(172_800)),
        ("0", .zero),
    ])
    func `is read as a duration`(_ text: String, _ expected: Duration) throws {
        #expect(try invocation("run", "--timeout", text).duration("--timeout") == expected)
    }

    @Test(arguments: [
        "", "s", "1x", "1m1h", "1s1s", "1h 30m", "-5", "-5s", "+5", "1.5h", "１s", "1hh", "h1", "1h30",
        "9223372036854775807",
        "9223372036854775807d", "9223372036854775807ms1", "99999999999999999999s",
    ])
    func `is refused as a duration`(_ text: String) throws {
        let invocation = try invocation("run", "--timeout=\(text)")
        let error = #expect(throws: ArgumentsError.self) { try invocation.duration("--timeout") }
        #expect(error?.message.contains("must be a duration such as 90s, 10m or 1h30m, not '\(text)'.") == true)
    }

    @Test func `is refused as a duration outside the range, which is named`() throws {
        let invocation = try invocation("run", "--timeout=2d")
        let error = #expect(throws: ArgumentsError.self) {
            try invocation.duration("--timeout", in: .seconds(1) ... .seconds(90_000))
        }
        #expect(error?.message.contains("1h30m, from 1s to 1d1h, not '2d'.") == true)
    }

    @Test(arguments: [
        ("0", 0), ("4096", 4096), ("512K", 524_288), ("512m", 536_870_912), ("2G", 2_147_483_648),
        ("2GB", 2_147_483_648),
        ("2GiB", 2_147_483_648), ("1T", 1_099_511_627_776), ("7B", 7),
    ])
    func `is read as a size`(_ text: String, _ expected: Int) throws {
        #expect(try invocation("run", "--memory", text).byteCount("--memory") == expected)
    }

    @Test(arguments: ["", "G", "-1G", "1.5G", "1X", "1 G", "9999999999G", "99999999999999999999", "16M"])
    func `is refused as a size`(_ text: String) throws {
        let invocation = try invocation("run", "--memory=\(text)")
        let error = #expect(throws: ArgumentsError.self) {
            try invocation.byteCount("--memory", in: 64 << 20...1 << 40)
        }
        #expect(error?.message.contains("must be a size such as 512M or 2G, from 64M to 1T, not '\(text)'.") == true)
    }

    enum Format: String, CaseIterable { case text, json, streamJSON = "stream-json" }

    @Test func `is read as one of a set of words`() throws {
        #expect(try invocation("run").choice("--output", as: Format.self) == .text)
        #expect(try invocation("run", "-ostream-json").choice("--output", as: Format.self) == .streamJSON)
        let invocation = try invocation("run", "-o", "jsno")
        let error = #expect(throws: ArgumentsError.self) { try invocation.choice("--output", as: Format.self) }
        #expect(
            error?.message
                == "option '--output' of 'martlet run' must be one of text, json, stream-json, not 'jsno'; did you mean 'json'? See 'martlet run --help'."
        )
    }

    @Test func `comes from the line, else from the environment, else from the default`() throws {
        let environment = ["MARTLET_MAX_TURNS": "7"]
        #expect(try invocation("run", "--max-turns=9", environment: environment).integer("--max-turns") == 9)
        #expect(try invocation("run", environment: environment).integer("--max-turns") == 7)
        #expect(try invocation("run").integer("--max-turns") == 30)
        #expect(try invocation("run", environment: ["MARTLET_MAX_TURNS": ""]).integer("--max-turns") == 30)
        #expect(try invocation("run").duration("--timeout") == nil)
        #expect(try !invocation("run", environment: environment).isGiven("--max-turns"))
        #expect(try invocation("model", environment: ["MARTLET_SCRIPT": "x"]).value("--script") == "x")
    }

    @Test func `from the environment is blamed on the variable`() throws {
        let invocation = try invocation("run", environment: ["MARTLET_TIMEOUT": "soon"])
        let error = #expect(throws: ArgumentsError.self) { try invocation.duration("--timeout") }
        #expect(error?.message.hasPrefix("variable 'MARTLET_TIMEOUT' of 'martlet run' must be a duration") == true)
    }

    @Test(arguments: [("1", true), ("true", true), ("YES", true), ("0", false), ("off", false), ("", false)])
    func `of a variable turns a flag on or off`(_ text: String, _ expected: Bool) throws {
        let environment = ["MARTLET_VERBOSE": text]
        #expect(try invocation("run", environment: environment).flag("--verbose") == expected)
        #expect(try invocation("run", "-v", environment: environment).flag("--verbose"))
    }

    @Test func `of a variable that is neither yes nor no is refused`() {
        #expect(
            meaning(["run"], environment: ["MARTLET_VERBOSE": "maybe"])
                == "invalidValue: variable 'MARTLET_VERBOSE' of 'martlet run' must be 1 or 0, not 'maybe'. See 'martlet run --help'."
        )
        #expect(meaning(["run", "-v"], environment: ["MARTLET_VERBOSE": "maybe"]) == "martlet run")
    }

    @Test func `can be required, or refused, by the command itself`() throws {
        let invocation = try invocation("run", "--schema=x")
        let missing = #expect(throws: ArgumentsError.self) { try invocation.required("PROMPT") }
        #expect(missing?.message == "'martlet run' needs the argument 'PROMPT'. See 'martlet run --help'.")
        #expect(
            invocation.invalid("--schema", expected: "a file").message
                == "option '--schema' of 'martlet run' must be a file, not 'x'. See 'martlet run --help'."
        )
    }

    @Test func `of a name that was never declared ends the program`() async {
        await #expect(processExitsWith: .failure) { _ = try invocation("run").value("--shema") }
        await #expect(processExitsWith: .failure) { _ = try invocation("run").value("--all-files") }
        await #expect(processExitsWith: .failure) { _ = try invocation("run").flag("--schema") }
    }
}
