// Measures what SPECIFICATION.md promises, on whole operations as clients see them, and prints one table.
//
//     martlet-bench [--quick] [--PART] MARTLET DIRECTORY OUTPUT
//
// With the name of a part, that alone: see ``Benchmark/Part``. Nothing is asserted: a number that misses its target is printed as that.
// The status is 0 when everything was measured.

import Glibc
import Linux

runMainTask(blocking: [SIGCHLD, SIGPIPE]) {
    do {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == "--stage" {
            return try await Stage.run(Array(arguments.dropFirst())) ? EXIT_SUCCESS : EXIT_FAILURE
        }
        try await Benchmark(arguments: arguments).run()
        return EXIT_SUCCESS
    } catch {
        Benchmark.say("bench: \(error)")
        return EXIT_FAILURE
    }
}
