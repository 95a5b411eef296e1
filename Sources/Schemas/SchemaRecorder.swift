import FoundationEssentials
import Wire

/// Finds the schema of a `Decodable` type by decoding it from nothing and writing down what it asks for.
///
/// Lives for one recording, on one task.
final class SchemaRecorder {
    /// A schema, and a value that lets decoding go on.
    struct Recorded<Value> {
        let schema: JSONValue
        let value: () throws -> Value
    }

    /// The types being recorded, outermost first.
    private var open: [any Decodable.Type] = []
    /// The types that were found inside themselves, and their names in `$defs`.
    private var names: [ObjectIdentifier: String] = [:]
    private var definitions: [String: JSONValue] = [:]

    func document<Value: Decodable>(for type: Value.Type) throws(JSONSchemaError) -> JSONValue {
        do {
            let schema = try schema(of: type, at: [])
            guard !definitions.isEmpty, case .object(var members) = schema else { return schema }
            members["$defs"] = .object(definitions)
            return .object(members)
        } catch let error as JSONSchemaError {
            throw error
        } catch {
            throw refusal(of: type, at: [], because: "decoding it failed", cause: error)
        }
    }

    func schema<Value: Decodable>(of type: Value.Type, at path: [any CodingKey]) throws -> JSONValue {
        if type is any SchemaProviding.Type == false, let depth = open.firstIndex(where: { $0 == type }) {
            return ["$ref": .string(depth == 0 ? "#" : "#/$defs/\(name(of: type))")]
        }
        return try record(type, at: path).schema
    }

    func record<Value: Decodable>(_ type: Value.Type, at path: [any CodingKey]) throws -> Recorded<Value> {
        if let provider = type as? any SchemaProviding.Type {
            let schema = provider.jsonSchema
            return Recorded(schema: schema) { try self.sample(type, of: schema, at: path) }
        }
        if let known = Self.known[ObjectIdentifier(type)], let value = known.value as? Value {
            return Recorded(schema: known.schema) { value }
        }
        if let container = type as? any RecordableContainer.Type {
            return try record(container, as: type, at: path)
        }
        if let values = (type as? any CaseIterable.Type).flatMap(Self.rawValues), let first = values.first {
            return Recorded(schema: [
                "type": .string(first.string == nil ? "integer" : "string"), "enum": .array(values),
            ]) {
                try first.decode(type)
            }
        }
        guard !open.contains(where: { $0 == type }) else {
            throw refusal(of: type, at: path, because: "it contains itself where a value is needed")
        }
        return try recordByDecoding(type, at: path)
    }

    private func record<Value>(
        _ container: any RecordableContainer.Type,
        as type: Value.Type,
        at path: [any CodingKey]
    ) throws -> Recorded<Value> {
        let schema = try container.schema(by: self, at: path)
        return Recorded(schema: schema) {
            guard let value = container.empty as? Value else {
                throw self.refusal(of: type, at: path, because: "no empty value of it can be made")
            }
            return value
        }
    }

    private func recordByDecoding<Value: Decodable>(
        _ type: Value.Type,
        at path: [any CodingKey]
    ) throws -> Recorded<Value> {
        open.append(type)
        defer { open.removeLast() }
        let notes = RecordingNotes()
        let value: Value
        do {
            value = try Value(from: RecordingDecoder(recorder: self, notes: notes, codingPath: path))
        } catch let error as DecodingError {
            let isEnum = type is any RawRepresentable.Type
            throw refusal(
                of: type,
                at: path,
                because: isEnum ? "it accepts only certain values" : "its 'init(from:)' refused an empty value",
                advice: isEnum ? "conform it to CaseIterable or SchemaProviding" : nil,
                cause: error
            )
        }
        var schema = notes.schema(describedBy: (type as? any SchemaDescribing.Type)?.schemaDescriptions ?? [:])
        if open.count > 1, let name = names[ObjectIdentifier(type)] {
            definitions[name] = schema
            schema = ["$ref": .string("#/$defs/\(name)")]
        }
        return Recorded(schema: schema) { value }
    }

    /// The name of a recursive type in `$defs`, without anything a reference would have to escape.
    private func name(of type: any Decodable.Type) -> String {
        let key = ObjectIdentifier(type)
        if let known = names[key] { return known }
        let plain = String(String(describing: type).map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
        var name = plain
        var number = 2
        while names.values.contains(name) {
            name = "\(plain)\(number)"
            number += 1
        }
        names[key] = name
        return name
    }

    /// A value of a type that wrote its schema itself.
    private func sample<Value: Decodable>(
        _ type: Value.Type,
        of schema: JSONValue,
        at path: [any CodingKey]
    ) throws -> Value {
        let samples = [schema["const"], schema["enum"]?[0], schema["examples"]?[0], schema["default"]]
        for sample in samples.compactMap(\.self) {
            if let value = try? sample.decode(type) { return value }
        }
        let open = self.open
        defer { self.open = open }
        if let value = try? recordByDecoding(type, at: path).value() { return value }
        throw refusal(
            of: type,
            at: path,
            because: "its own schema holds no sample to go on with",
            advice: "give its 'jsonSchema' an entry in 'examples' that it decodes from"
        )
    }

    func refusal(
        of type: Any.Type,
        at path: [any CodingKey],
        because reason: String,
        advice: String? = nil,
        cause: (any Error)? = nil
    ) -> JSONSchemaError {
        let place = path.isEmpty ? "" : " at '\(path.map(\.stringValue).joined(separator: "."))'"
        return JSONSchemaError(
            .unrecordableType,
            "No schema can be recorded from the type '\(type)'\(place), since \(reason); "
                + (advice ?? "conform it to SchemaProviding"),
            cause: cause
        )
    }

    // MARK: - Known types

    /// The raw values of an enum, when they are strings or integers.
    private static func rawValues(of type: any CaseIterable.Type) -> [JSONValue]? {
        func values<Enum: CaseIterable>(_ type: Enum.Type) -> [JSONValue]? {
            var values: [JSONValue] = []
            for each in type.allCases {
                switch (each as? any RawRepresentable)?.rawValue {
                case let text as String: values.append(.string(text))
                case let number as any BinaryInteger: values.append(.integer(Int64(number)))
                default: return nil
                }
            }
            return values
        }
        return values(type)
    }

    private static var known: [ObjectIdentifier: (schema: JSONValue, value: Any)] {
        var known: [ObjectIdentifier: (schema: JSONValue, value: Any)] = [
            ObjectIdentifier(Bool.self): (["type": "boolean"], false),
            ObjectIdentifier(String.self): (["type": "string"], ""),
            ObjectIdentifier(Double.self): (["type": "number"], 0.0),
            ObjectIdentifier(Float.self): (["type": "number"], Float(0)),
            ObjectIdentifier(Decimal.self): (["type": "number"], Decimal(0)),
            ObjectIdentifier(JSONValue.self): (true, JSONValue.null),
            ObjectIdentifier(Date.self): (["type": "string", "format": "date-time"], Date(timeIntervalSince1970: 0)),
            ObjectIdentifier(UUID.self): (
                ["type": "string", "format": "uuid"], UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
            ),
            ObjectIdentifier(Data.self): (["type": "string", "contentEncoding": "base64"], Data()),
        ]
        if let url = URL(string: "https://example.org") {
            known[ObjectIdentifier(URL.self)] = (["type": "string", "format": "uri"], url)
        }
        func add<Integer: FixedWidthInteger>(_ type: Integer.Type) {
            var schema: [String: JSONValue] = ["type": "integer"]
            // Beyond 32 bits the limit is no help to whoever fills it in.
            if !Integer.isSigned || Integer.bitWidth < 64 { schema["minimum"] = .integer(Int64(Integer.min)) }
            if Integer.bitWidth < 64 { schema["maximum"] = .integer(Int64(Integer.max)) }
            known[ObjectIdentifier(type)] = (.object(schema), Integer.zero)
        }
        add(Int.self)
        add(Int8.self)
        add(Int16.self)
        add(Int32.self)
        add(Int64.self)
        add(Int128.self)
        add(UInt.self)
        add(UInt8.self)
        add(UInt16.self)
        add(UInt32.self)
        add(UInt64.self)
        add(UInt128.self)
        return known
    }
}
