import Arguments
import FoundationEssentials
import Linux
import RPC
import Wire

/// `martlet sandbox metrics`: what a sandbox uses.
enum MetricsCommand {
    static let command = Command(
        "metrics",
        aliases: ["mt"],
        summary: "Print what a sandbox uses, sampled every five seconds",
        examples: [.init("martlet sandbox metrics --follow i3k9", "Watch it")],
        options: [.flag("--follow", short: "f", "Go on until the sandbox ends"), SharedOptions.output],
        arguments: [SandboxOptions.sandbox]
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        let format = try SharedOptions.format(invocation)
        let reference = SandboxReference(id: try invocation.required("ID"))
        let daemon = try await DaemonConnection.open(surroundings)
        let sandbox = SandboxReference(id: try await daemon.client.call(GetSandbox.self, reference).id)
        var last = Date.distantPast
        while true {
            let samples: [MetricSample]
            do {
                samples = try await daemon.client.call(ReadSandboxMetrics.self, sandbox).samples
            } catch let error as CallError where error.code == .notFound && last > .distantPast {
                await StandardStream.say("the sandbox '\(sandbox.id)' has ended")
                return .success
            }
            for sample in samples where sample.time > last {
                try await StandardStream.output.write(
                    format == .json ? try Output.jsonLine(sample) : line(sample, surroundings.outputStyle)
                )
                last = sample.time
            }
            if !invocation.flag("--follow") { return .success }
            try await EventLoop.shared.sleep(for: .seconds(1))
        }
    }

    package static func line(_ sample: MetricSample, _ style: Style) -> String {
        let use = [
            "CPU \(Readable.fixed(sample.processorPercent, 1))% of \(sample.processors * 100)%",
            "memory \(Readable.bytes(sample.memoryUsed)) of \(Readable.bytes(sample.memoryTotal))",
            "disk \(Readable.bytes(sample.diskUsed)) of \(Readable.bytes(sample.diskTotal))",
        ]
        return "\(style.dim(sample.time.formatted(.iso8601)))  \(use.joined(separator: "  "))\n"
    }
}
