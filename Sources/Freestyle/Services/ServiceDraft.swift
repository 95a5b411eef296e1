import Wire

/// A service as a request describes it.
struct ServiceDraft: Sendable, Hashable {
    let unit: Unit

    init(_ members: Members) throws {
        let kind: Unit.Kind
        switch try members.string("mode") {
        case nil, "service": kind = .service
        case "oneshot": kind = .oneshot
        case let mode?: throw FreestyleError.badRequest("'mode' must be 'service' or 'oneshot', not '\(mode)'")
        }
        let commands: [String]
        if case .string(let line)? = members["exec"] {
            commands = [line]
        } else {
            commands = try members.strings("exec") ?? []
        }
        var unit = Unit(Self.name(try members.text("name")), kind, commands: commands)
        unit.environment = try members.texts("env") ?? [:]
        unit.user = try members.string("user")
        unit.group = try members.string("group")
        unit.directory = try members.string("workdir").map { try GuestPath($0).text }
        unit.after = try Self.names(members, "after")
        unit.requires = try Self.names(members, "requires")
        unit.onFailure = try Self.names(members, "onFailure")
        unit.isEnabled = try members.bool("enable") ?? true
        unit.startLimit = try members.number("timeoutSec").flatMap { $0 > 0 ? $0 : nil }
        unit.isForgottenAfterSuccess = try members.bool("deleteAfterSuccess") ?? false
        unit.remainsActive = try members.bool("remainAfterExit") ?? false
        unit.tellsReady = try members.bool("readySignal") ?? false
        unit.watchdog = try members.number("watchdogSec").flatMap { $0 > 0 ? $0 : nil }
        if let restart = try members.object("restartPolicy") { unit.restart = try Self.rule(restart) }
        self.unit = unit
    }

    /// A name without what systemd's files end in.
    static func name(_ name: String) -> String {
        name.hasSuffix(".service") ? String(name.dropLast(".service".count)) : name
    }

    private static func names(_ members: Members, _ member: String) throws -> [String] {
        try (members.strings(member) ?? []).map(name)
    }

    private static func rule(_ members: Members) throws -> RestartRule {
        var rule = RestartRule()
        if let word = try members.string("policy") {
            // Also as programs write it that are not systemd.
            let plain = plainWord(word)
            guard let policy = RestartRule.Policy.allCases.first(where: { plainWord($0.rawValue) == plain }) else {
                let all = RestartRule.Policy.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
                throw FreestyleError.badRequest("'restartPolicy.policy' must be one of \(all), not '\(word)'")
            }
            rule.policy = policy
        }
        rule.pause = try members.number("restartSec") ?? rule.pause
        rule.burst = try members.integer("startLimitBurst", in: 0...1_000_000).map(Int.init) ?? rule.burst
        rule.interval = try members.number("startLimitIntervalSec") ?? rule.interval
        return rule
    }

    private static func plainWord(_ word: String) -> String { word.lowercased().filter { $0 != "-" && $0 != "_" } }
}

extension UnitStatus {
    var document: JSONValue {
        .object([
            "id": .string("\(unit.name).service"), "name": .string(unit.name), "mode": .string(unit.kind.rawValue),
            "exec": .array(unit.commands.map { .string($0) }), "user": .string(unit.user ?? "root"),
            "workdir": .string(unit.directory ?? "/"), "enabled": .bool(unit.isEnabled),
            "activeState": .string(state.rawValue), "subState": .string(detail),
            "mainPid": .number(pid.map(Int64.init)), "exitCode": .number(exitCode.map(Int64.init)),
            "restarts": .integer(Int64(restarts)), "since": .time(since), "reason": .text(reason),
        ])
    }
}
