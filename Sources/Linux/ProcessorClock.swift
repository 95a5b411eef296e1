import CLinux

/// The processor's time stamp counter.
package enum ProcessorClock {
    /// Measures its rate in kHz; nil where there is no such counter.
    package static func rate() async throws -> Int64? {
        let rate = try await BlockingPool.run { clinux_tsc_khz() }
        return rate > 0 ? rate : nil
    }
}
