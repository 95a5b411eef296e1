import Access
import FoundationEssentials
import Gateway
import RPC
import Wire

extension CallRouter {
    mutating func addUsageCalls(_ keys: APIKeys, _ gateway: GuestGateway) {
        on(GetUsage.self) { request, _ in
            let start = request.since ?? .distantPast
            let found = try await gateway.records?.sums(by: UsageRecords.Grouping(request.by), from: start) ?? []
            let names = request.by == .key ? keys.list(of: nil).map { ($0.id, $0.name) } : []
            let nameOf = Dictionary(names, uniquingKeysWith: { first, _ in first })
            let sums = found.map { UsageSum($0, name: $0.group.flatMap { nameOf[$0] }) }
            return GetUsage.Response(by: request.by, sums: sums, total: UsageSum(totalOf: sums))
        }
    }
}

extension UsageRecords.Grouping {
    init(_ grouping: UsageGrouping) {
        self =
            switch grouping {
            case .day: .day
            case .key: .key
            case .run: .run
            case .model: .model
            case .sandbox: .sandbox
            }
    }
}

extension UsageSum {
    init(_ sum: UsageRecords.Sum, name: String?) {
        self.init()
        group = sum.group
        self.name = name
        requests = sum.requests
        inputTokens = sum.tokens.input
        outputTokens = sum.tokens.output
        cacheReadTokens = sum.tokens.cacheRead
        cacheCreationTokens = sum.tokens.cacheCreation
        costUSD = sum.cost.dollars
        isCostKnown = sum.isCostKnown
        last = sum.last
    }

    init(totalOf sums: [UsageSum]) {
        self.init()
        for sum in sums {
            requests += sum.requests
            inputTokens += sum.inputTokens
            outputTokens += sum.outputTokens
            cacheReadTokens += sum.cacheReadTokens
            cacheCreationTokens += sum.cacheCreationTokens
            costUSD += sum.costUSD
            isCostKnown = isCostKnown && sum.isCostKnown
            last = [last, sum.last].compactMap(\.self).max()
        }
        // Sums of small prices: what is beyond a billionth of a dollar is noise.
        costUSD = (costUSD * 1e9).rounded() / 1e9
    }
}
