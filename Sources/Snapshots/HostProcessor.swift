import Linux

/// What a guest can tell of the processor that it runs on.
package enum HostProcessor {
    /// The model, as Linux names it.
    static var model: String {
        let text = (try? Files.read("/proc/cpuinfo")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":").last.map { String($0.drop { $0 == " " }) } ?? "unknown"
    }

    /// Why a guest with this kernel command line would have a wrong clock here; nil when it would not.
    ///
    /// A translated guest counts time with the host's counter and knows its rate from when it was booted.
    package static func clockMismatch(_ commandLine: String) async throws -> String? {
        let name = "tsc_early_khz="
        guard let word = commandLine.split(separator: " ").first(where: { $0.hasPrefix(name) }),
            let saved = Int64(word.dropFirst(name.utf8.count)), let here = try await ProcessorClock.rate(),
            abs(saved - here) > saved / 100
        else { return nil }
        return "its clock counts at \(saved) kHz, and this computer's at \(here)"
    }
}
