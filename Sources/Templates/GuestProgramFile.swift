import Linux

/// The guest's agent as a file of the host.
package enum GuestProgramFile {
    /// Finds it: `$MARTLET_GUEST`, else `martlet-guest` beside the running program.
    package static func locate() throws(TemplateError) -> String {
        if let path = Program.variable("MARTLET_GUEST"), !path.isEmpty {
            guard let real = Files.resolved(path), !Files.isDirectory(real) else {
                throw TemplateError(.guestMissing, "There is no file '\(path)', which MARTLET_GUEST names")
            }
            return real
        }
        let own = Files.linkTarget("/proc/self/exe") ?? "/"
        let beside = "\(own.prefix(upTo: own.lastIndex(of: "/") ?? own.startIndex))/martlet-guest"
        guard Files.exists(beside) else {
            throw TemplateError(
                .guestMissing,
                "The guest's agent is not at '\(beside)'; run 'make build', or name it in MARTLET_GUEST"
            )
        }
        return beside
    }
}
