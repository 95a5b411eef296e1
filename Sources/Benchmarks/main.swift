// Measures what SPECIFICATION.md promises, on whole operations as clients see them, and prints one table.
//
//     martlet-bench [--quick] [--snapshots] MARTLET DIRECTORY OUTPUT
//
// With --snapshots, only what it costs to save a running machine and to go on from it. Nothing is asserted: a number that misses its target is printed as that. The status is 0 when everything was measured.

import Glibc
import Linux

runMainTask(blocking: [SIGCHLD, SIGPIPE]) {
    do {
        try await Benchmark(arguments: Array(CommandLine.arguments.dropFirst())).run()
        return EXIT_SUCCESS
    } catch {
        Benchmark.say("bench: \(error)")
        return EXIT_FAILURE
    }
}
