import Records
import Testing

@Suite struct `a statement` {
    private func inDatabase<R: Sendable>(_ body: @Sendable (borrowing Connection) throws -> R) async throws -> R {
        try await Folder.with { folder in
            try await Database(path: folder.path(), migrations: migrations).transaction(body)
        }
    }

    @Test(arguments: [
        Value.null, .integer(0), .integer(.min), .integer(.max), .real(0.1), .real(-.infinity),
        .real(.greatestFiniteMagnitude),
        .text(""), .text("vögel 鳥 👩‍👩‍👧"), .text("a\0b"), .text("'; DROP TABLE birds; --"), .blob([]), .blob([0, 255, 0]),
    ])
    func `gives back exactly the value it was given`(_ value: Value) async throws {
        let found = try await roundTrip(value)
        #expect(found == value)
    }

    @Test func `gives back large values whole`() async throws {
        // Compared outside the macro, which would print a megabyte.
        for value in [Value.text(String(repeating: "x", count: 1 << 20)), .blob(Array(repeating: 7, count: 1 << 20))] {
            let isSame = try await roundTrip(value) == value
            #expect(isSame)
        }
    }

    private func roundTrip(_ value: Value) async throws -> Value? {
        try await inDatabase { connection in
            try connection.execute("CREATE TABLE things (thing ANY) STRICT")
            try connection.execute("INSERT INTO things VALUES (?)", value)
            return try connection.query("SELECT thing FROM things") { try $0.value("thing") }.first
        }
    }

    @Test func `binds the usual types and their absence`() async throws {
        try await inDatabase { connection in
            let none: String? = nil
            let rows = try connection.query(
                "SELECT ? AS t, ? AS n, ? AS i, ? AS b, ? AS r, ? AS x",
                "text",
                none,
                7,
                true,
                1.5,
                [1, 2] as [UInt8]
            ) { row in
                let present = (try row.text("t"), try row.integer("i"), try row.boolean("b"), try row.real("r"))
                #expect(present == ("text", 7, true, 1.5))
                let optional = (try row.optionalText("t"), try row.optionalInteger("i"), try row.optionalReal("r"))
                #expect(optional == ("text", 7, 1.5))
                let absent = (try row.optionalText("n"), try row.optionalInteger("n"), try row.optionalReal("n"))
                #expect(absent == (nil, nil, nil))
                let blobs = (try row.blob("x"), try row.optionalBlob("x"), try row.optionalBlob("n"))
                #expect(blobs == ([1, 2], [1, 2], nil))
                let widened = try row.real("i")
                #expect(widened == 7)
                return true
            }
            #expect(rows == [true])
        }
    }

    @Test func `reads no column as another type`() async throws {
        try await inDatabase { connection in
            _ = try connection.query("SELECT '7' AS t, 7 AS i, 1.5 AS r, x'00' AS x, NULL AS n") { row in
                for column in ["i", "r", "x", "n"] { expect(.unexpectedType) { () throws in _ = try row.text(column) } }
                for column in ["t", "r", "x", "n"] {
                    expect(.unexpectedType) { () throws in _ = try row.integer(column) }
                }
                for column in ["t", "x", "n"] { expect(.unexpectedType) { () throws in _ = try row.real(column) } }
                for column in ["t", "i", "r", "n"] { expect(.unexpectedType) { () throws in _ = try row.blob(column) } }
                for column in ["t", "i", "n"] { expect(.unexpectedType) { () throws in _ = try row.boolean(column) } }
                expect(.unexpectedType) { () throws in _ = try row.optionalText("i") }
                expect(.misuse) { () throws in _ = try row.text("absent") }
            }
            _ = try connection.query("SELECT 1 AS a, 2 AS a") { row in
                expect(.misuse) { () throws in _ = try row.integer("a") }
            }
        }
    }

    @Test(arguments: [
        "", "  ", "nonsense", "SELECT 1; SELECT 2", "SELECT * FROM absent", "SELECT ?", "DELETE FROM birds",
        "SELECT 1; -- and more",
    ])
    func `is refused as a query`(_ sql: String) async throws {
        #expect(await code { _ = try await inDatabase { try $0.query(sql) { _ in 0 } } } == .misuse)
    }

    @Test(arguments: ["SELECT 1", "DELETE FROM birds; DELETE FROM birds", "COMMIT", "ROLLBACK", "BEGIN"])
    func `is refused as a change`(_ sql: String) async throws {
        #expect(await code { _ = try await inDatabase { try $0.execute(sql) } } == .misuse)
    }

    @Test func `must get a value for each place`() async throws {
        try await inDatabase { connection in
            expect(.misuse) { () throws in try connection.execute("INSERT INTO birds VALUES (?, ?)", "swift") }
            expect(.misuse) { () throws in try connection.execute("INSERT INTO birds VALUES (?, 2)", "swift", 2) }
            expect(.misuse) { () throws in try connection.execute("INSERT INTO birds VALUES ('x', ?)", Double.nan) }
        }
    }

    @Test func `that breaks a rule says which kind`() async throws {
        try await inDatabase { connection in
            expect(.duplicate) { () throws in try connection.execute("INSERT INTO birds VALUES ('martlet', 0)") }
            expect(.constraint) { () throws in try connection.execute("INSERT INTO birds VALUES ('x', -1)") }
            expect(.constraint) { () throws in try connection.execute("INSERT INTO birds VALUES ('x', NULL)") }
            expect(.constraint) { () throws in try connection.execute("INSERT INTO birds VALUES ('x', 'two')") }
        }
    }

    @Test func `may not write inside a read`() async throws {
        try await Folder.with { folder in
            let database = try await Database(path: folder.path(), migrations: migrations)
            for sql in ["DELETE FROM birds", "INSERT INTO birds VALUES ('x', 1)", "CREATE TABLE y (z)"] {
                #expect(await code { _ = try await database.read { try $0.execute(sql) } } == .misuse)
            }
            #expect(try await birds(database) == ["martlet"])
        }
    }

    @Test func `may take as many values as a list holds`() async throws {
        let names = ["martlet", "swift", "dodo"]
        let found = try await inDatabase { connection in
            let places = names.map { _ in "?" }.joined(separator: ", ")
            return try connection.query("SELECT name FROM birds WHERE name IN (\(places))", binding: names) {
                try $0.text("name")
            }
        }
        #expect(found == ["martlet"])
    }

    private func expect(_ code: RecordsError.Code, _ body: () throws -> Void) {
        let error = #expect(throws: RecordsError.self) { try body() }
        #expect(error?.code == code)
    }
}
