import Wire

/// A JSON Schema (draft 2020-12), compiled once and applied any number of times.
///
/// Compiling reads every keyword and follows every reference, so a schema that compiles cannot fail later. Nothing is
/// fetched: a `$ref` may name a place in the document, the draft's own meta-schemas, or a document given as `remotes`.
/// Work is bounded: the size and nesting of the schema when it compiles, the nesting and the number of steps when it
/// validates. The one exception is `pattern`: a regular expression that backtracks without end does so here too, and
/// whoever wrote the schema has to mend it.
package struct JSONSchema: Sendable {
    /// The schema as it was given.
    package let document: JSONValue

    let program: Program

    /// Compiles `document`.
    ///
    /// - Parameters:
    ///   - assertFormats: whether a `format` this module knows is enforced. The draft makes it a remark by default.
    ///   - remotes: further schema documents by absolute URI, for references that leave the document.
    /// - Throws: ``JSONSchemaError`` that names the place of the fault by its JSON Pointer.
    package init(
        _ document: JSONValue,
        assertFormats: Bool = false,
        remotes: [String: JSONValue] = [:]
    ) throws(JSONSchemaError) {
        var compiler = try Compiler(document, assertFormats: assertFormats, remotes: remotes)
        self.init(document: document, program: try compiler.compile())
    }

    init(document: JSONValue, program: Program) {
        self.document = document
        self.program = program
    }

    /// Checks `instance`; an empty list means that it is valid.
    ///
    /// At most ``Fault/limit`` faults are listed, in the order of the schema, with the members of an object in the order
    /// of their names.
    package func validate(_ instance: JSONValue) -> [Fault] {
        var evaluation = Evaluation(program)
        return evaluation.faults(of: instance)
    }
}
