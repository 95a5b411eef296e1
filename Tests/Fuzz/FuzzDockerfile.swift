// Fuzzes the reader of Dockerfiles. No input may trap or run away, an error names a line of the file, and what is read twice is
// read alike.

import Dockerfiles

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    do throws(DockerfileError) {
        let file = try Dockerfile(parsing: text, arguments: ["A": "b"])
        precondition(!file.base.isEmpty, "an image without a name")
        let again = try? Dockerfile(parsing: text, arguments: ["A": "b"])
        precondition(file == again, "the file is another one now")
        for step in file.steps {
            if case .copy(let source, _, _, _) = step.action {
                precondition(!source.split(separator: "/").contains(".."), "a source outside of the context")
            }
        }
    } catch {
        let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }.count
        precondition((1...max(1, lines)).contains(error.line), "a line that is not there")
    }
    return 0
}
