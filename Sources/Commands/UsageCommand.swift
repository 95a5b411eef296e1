import Arguments
import FoundationEssentials
import RPC
import Wire

/// `martlet usage`: what the models have cost.
enum UsageCommand {
    static let command = Command(
        "usage",
        summary: "Tell what models have cost",
        discussion: """
            Counts each request that sandboxes have made through the gateway, subagents and retries included, from the answers \
            themselves. Days are those of UTC. A '+' behind a cost says that some of the requests went to models of unknown \
            price; put those into '$MARTLET_HOME/prices.json'.
            """,
        examples: [
            .init("martlet usage --by model --since 7d", "The last seven days, by model"),
            .init("martlet usage --by run --since 2026-11-20 --json", "The runs since a day, for a program"),
        ],
        options: [
            .value(
                "--by",
                "WHAT",
                "day, key, run, model or sandbox",
                default: "day",
                completion: .values(UsageGrouping.allCases.map(\.rawValue))
            ),
            .value("--since", "WHEN", "A day as 2026-11-20, or how long ago: 12h, 7d", default: "30d"),
            .flag("--json", "The same as '--output json'"), SharedOptions.output,
        ],
        exclusive: [["--json", "--output"]],
        group: "Daemon"
    ) { invocation in
        let format = invocation.flag("--json") ? .json : try SharedOptions.format(invocation)
        let request = GetUsage.Request(
            by: try invocation.choice("--by", as: UsageGrouping.self) ?? .day,
            since: try since(invocation, now: Date())
        )
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let usage = try await daemon.client.call(GetUsage.self, request)
        try await Output.print(usage, as: format) { table(usage) }
        return .success
    }

    /// The moment from which to count.
    static func since(_ invocation: Invocation, now: Date) throws -> Date {
        guard let text = invocation.value("--since") else { return now.addingTimeInterval(-30 * 86_400) }
        if let day = try? Date("\(text)T00:00:00Z", strategy: .iso8601) { return day }
        if let moment = try? Date(text, strategy: .iso8601) { return moment }
        guard let ago = try? invocation.duration("--since", in: .zero ... .seconds(100 * 366 * 86_400)) else {
            throw invocation.invalid(
                "--since",
                expected: "a day such as 2026-11-20, or how long ago, such as 12h or 7d"
            )
        }
        return now.addingTimeInterval(-(ago / .seconds(1)))
    }

    static func table(_ usage: GetUsage.Response) -> String {
        var table = Table(usage.by.rawValue.uppercased(), "REQUESTS", "INPUT", "CACHED", "OUTPUT", "COST")
        for sum in usage.sums { add(sum, named: sum.name ?? sum.group ?? "none", to: &table) }
        if usage.sums.count > 1 { add(usage.total, named: "total", to: &table) }
        return table.text
    }

    private static func add(_ sum: UsageSum, named name: String, to table: inout Table) {
        table.add(
            name,
            "\(sum.requests)",
            Readable.count(sum.inputTokens + sum.cacheCreationTokens),
            Readable.count(sum.cacheReadTokens),
            Readable.count(sum.outputTokens),
            Readable.dollars(sum.costUSD) + (sum.isCostKnown ? "" : "+")
        )
    }
}
