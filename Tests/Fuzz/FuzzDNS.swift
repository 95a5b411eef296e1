// Fuzzes the reader of questions to the name server: no input may trap, and every question has an answer that fits.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard case .question(let question) = DNSQuestion.read(input) else { return 0 }
    let addresses = (0..<100).map { IPAddress.v6(UInt128($0)) }
    let answer = DNSAnswer(.success, addresses, lifetime: .seconds(30)).encoded(to: question)
    precondition(answer.count <= 1232, "an answer is too long")
    precondition(answer.prefix(2) == input.prefix(2), "an answer is to another question")
    precondition(DNSQuestion.read(answer) == .ignored, "an answer would be answered")
    if let name = question.name {
        precondition(DomainName(name.text) == name, "a name is not one when it is read again")
    }
    return 0
}
