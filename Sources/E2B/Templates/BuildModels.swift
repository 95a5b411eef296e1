import Wire

// What the control plane says about builds.

/// `TemplateBuildRequestV3`, and its forerunners' `alias`.
struct BuildRequestModel: Decodable, Sendable {
    var name: String?
    var alias: String?
    var tags: [String]?
    var cpuCount: Int?
    var memoryMB: Int?
    var minFreeDiskMb: Int?
}

/// `TemplateRequestResponseV3`.
struct BuildRequestedModel: Encodable, Sendable {
    var templateID: String
    var buildID: String
    var `public`: Bool
    var names: [String]
    var tags: [String]
    var aliases: [String]
}

/// `TemplateBuildFileUpload`.
struct FileUploadModel: Encodable, Sendable {
    var present: Bool
    var url: String
}

/// `BuildLogEntry`.
struct BuildLogModel: Encodable, Sendable {
    var timestamp: Timestamp
    var message: String
    var level: TemplateLogLine.Level
    var step: String?

    init(_ line: TemplateLogLine) {
        timestamp = Timestamp(line.time)
        message = line.message
        level = line.level
        step = line.step
    }
}

/// `BuildStatusReason`.
struct BuildReasonModel: Encodable, Sendable {
    var message: String
    var step: String?
    var logEntries: [BuildLogModel]
}

/// `TemplateBuildInfo`.
struct BuildInfoModel: Encodable, Sendable {
    var logs: [String]
    var logEntries: [BuildLogModel]
    var templateID: String
    var buildID: String
    var status: TemplateBuildStatus
    var reason: BuildReasonModel?
}

/// `TemplateBuildLogsResponse`.
struct BuildLogsModel: Encodable, Sendable {
    var logs: [BuildLogModel]
}

/// `AssignTemplateTagsRequest`.
struct AssignTagsModel: Decodable, Sendable {
    var target: String
    var tags: [String]
}

/// `AssignedTemplateTags`.
struct AssignedTagsModel: Encodable, Sendable {
    var tags: [String]
    var buildID: String
}

/// `DeleteTemplateTagsRequest`.
struct RemoveTagsModel: Decodable, Sendable {
    var name: String
    var tags: [String]
}

/// `TemplateUpdateRequest`.
struct TemplateUpdateModel: Decodable, Sendable {
    var `public`: Bool?
}

/// `TemplateUpdateResponse`.
struct TemplateUpdatedModel: Encodable, Sendable {
    var names: [String]
}
