import CSQLite

/// One prepared statement, finalized with its scope.
struct Statement: ~Copyable {
    private let handle: OpaquePointer
    private let database: Handle

    /// Prepares `sql`, which must be exactly one statement.
    init(_ sql: String, on database: Handle) throws(RecordsError) {
        var sql = sql
        var prepared: OpaquePointer?
        var isAlone = true
        let result = sql.withUTF8 { bytes -> Int32 in
            guard let count = Int32(exactly: bytes.count) else { return SQLITE_TOOBIG }
            return bytes.withMemoryRebound(to: CChar.self) { text in
                var tail: UnsafePointer<CChar>?
                let result = sqlite3_prepare_v2(database.pointer, text.baseAddress, count, &prepared, &tail)
                if let start = text.baseAddress, let tail {
                    isAlone = text[(tail - start)...].allSatisfy { UInt8(bitPattern: $0) <= 0x20 }
                }
                return result
            }
        }
        guard result == SQLITE_OK else { throw database.error(result) }
        guard let prepared else { throw database.misuse("an empty statement was given") }
        guard isAlone else {
            sqlite3_finalize(prepared)
            throw database.misuse("more than one statement was given in '\(sql)'")
        }
        handle = prepared
        self.database = database
    }

    deinit { sqlite3_finalize(handle) }

    var isReadOnly: Bool { sqlite3_stmt_readonly(handle) != 0 }

    var columnNames: [String] {
        (0..<sqlite3_column_count(handle)).map { sqlite3_column_name(handle, $0).map { String(cString: $0) } ?? "" }
    }

    func bind(_ values: [any Bindable]) throws(RecordsError) {
        let expected = Int(sqlite3_bind_parameter_count(handle))
        guard values.count == expected else {
            throw database.misuse("\(values.count) values were given for \(expected) places")
        }
        for (index, value) in values.enumerated() {
            if case .real(let number) = value.value, number.isNaN {
                throw database.misuse("value \(index + 1) is not a number, which SQLite would keep as NULL")
            }
            let result = bind(value.value, at: Int32(index + 1))
            guard result == SQLITE_OK else { throw database.error(result) }
        }
    }

    /// Goes to the next row; `false` when there is none.
    func step() throws(RecordsError) -> Bool {
        let result = sqlite3_step(handle)
        switch result {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw database.error(result)
        }
    }

    func value(at column: Int) -> Value {
        let column = Int32(column)
        switch sqlite3_column_type(handle, column) {
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(handle, column))
        case SQLITE_FLOAT: return .real(sqlite3_column_double(handle, column))
        case SQLITE_TEXT:
            // The pointer first, then the length: the other way round the length may be that of another encoding.
            let start = UnsafeRawPointer(sqlite3_column_text(handle, column))
            return .text(String(decoding: bytes(from: start, of: column), as: UTF8.self))
        case SQLITE_BLOB:
            let start = sqlite3_column_blob(handle, column)
            return .blob(Array(bytes(from: start, of: column)))
        default: return .null
        }
    }

    private func bytes(from start: UnsafeRawPointer?, of column: Int32) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(handle, column)))
    }

    private func bind(_ value: Value, at index: Int32) -> Int32 {
        switch value {
        case .null: return sqlite3_bind_null(handle, index)
        case .integer(let number): return sqlite3_bind_int64(handle, index, number)
        case .real(let number): return sqlite3_bind_double(handle, index, number)
        case .text(var text):
            return text.withUTF8 { bytes in
                guard let count = Int32(exactly: bytes.count) else { return SQLITE_TOOBIG }
                return bytes.withMemoryRebound(to: CChar.self) { text in
                    // A null pointer would bind NULL, which an empty text is not.
                    text.isEmpty
                        ? csqlite_bind_text(handle, index, "", 0)
                        : csqlite_bind_text(handle, index, text.baseAddress, count)
                }
            }
        case .blob(let blob):
            guard let count = Int32(exactly: blob.count) else { return SQLITE_TOOBIG }
            // The same: an empty blob is not NULL.
            if blob.isEmpty { return sqlite3_bind_zeroblob(handle, index, 0) }
            return csqlite_bind_blob(handle, index, blob, count)
        }
    }
}
