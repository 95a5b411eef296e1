import FoundationEssentials
import HTTP
import Linux
import RPC
import Sandboxes
import Templates
import Wire

extension CallRouter {
    mutating func addTemplateCalls(_ builder: TemplateBuilder, _ sandboxes: SandboxRegistry) {
        on(ListTemplates.self) { _, _ in
            ListTemplates.Response(
                templates: sandboxes.templates.names().map { TemplateInfo(named: $0, in: sandboxes.templates) }
            )
        }
        on(RemoveTemplate.self) { request, _ in
            try await refusing {
                let previous = try? sandboxes.templates.template(request.name).manifest.buildID
                try sandboxes.templates.remove(request.name)
                await sandboxes.templateChanged(from: previous)
            }
            return Empty()
        }
        on(BuildTemplate.self) { request, _, events in
            try await refusing {
                let previous = try? sandboxes.templates.template(request.name).manifest.buildID
                let manifest = try await builder.build(request) { event in
                    // A caller that has gone does not stop a build that others may wait for.
                    try? await events.send(event)
                }
                if manifest.buildID != previous { await sandboxes.templateChanged(from: previous) }
            }
        }
    }
}

extension TemplateInfo {
    /// What can be said of a name, also when its build can not be used.
    init(named name: String, in templates: TemplateStore) {
        do {
            self.init(try templates.template(name).manifest)
        } catch {
            self.init(
                name: name,
                buildID: "",
                created: .init(timeIntervalSince1970: 0),
                processors: 0,
                memoryMiB: 0,
                diskMiB: 0,
                contents: [:],
                problem: "\(error)"
            )
        }
    }
}
