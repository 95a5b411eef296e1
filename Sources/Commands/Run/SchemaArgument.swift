import Linux
import Schemas
import Wire

/// What `--schema` names: a file, or the schema itself.
package enum SchemaArgument {
    /// Reads and compiles the schema, so that a bad one is refused before anything is started.
    package static func read(_ argument: String) throws -> JSONValue {
        let trimmed = argument.drop(while: \.isWhitespace)
        let isInline = trimmed.first == "{" || argument == "true" || argument == "false"
        let name = isInline ? "The schema on the line" : "The schema '\(argument)'"
        let document: JSONValue
        do {
            document = try JSONValue(parsing: isInline ? Array(argument.utf8) : Files.read(argument))
        } catch let error as LinuxError {
            throw CommandsError(
                .unusableInput,
                "\(name) could not be read; --schema takes a file, or JSON that begins with '{'",
                cause: error
            )
        } catch {
            throw CommandsError(.unusableInput, "\(name) is not JSON", cause: error)
        }
        do {
            _ = try JSONSchema(document)
        } catch {
            let place = error.pointer.isEmpty ? "" : " at '\(error.pointer)'"
            throw CommandsError(.unusableInput, "\(name) is not a usable JSON Schema\(place)", cause: error)
        }
        return document
    }
}
