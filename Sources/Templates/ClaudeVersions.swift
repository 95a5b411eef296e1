import Linux
import Wire

/// Finds in PyPI the wheel that brings a version of Claude Code.
///
/// The project has versions of its own; which one of Claude Code each brings is said by the small archive of its source. Both
/// rise together, so a handful of archives tells where to look. They are read and not run. What was found once is kept in the
/// cache: a version's wheel never changes.
struct ClaudeVersions: Sendable {
    static let newest = "latest"

    /// The index as pip knows it.
    var index = Program.variable("PIP_INDEX_URL").flatMap { $0.isEmpty ? nil : $0 } ?? "https://pypi.org/simple"
    let cache: String

    private struct Finding: Codable {
        var version: String
        var wheelVersion: String
        var wheelDigest: String
    }

    /// - Throws: ``TemplateError`` with the nearest versions that can be had, when there is none of this one.
    func find(_ wanted: String) async throws -> ClaudeCode {
        let pinned = ClaudeCode()
        if wanted == pinned.version { return pinned }
        guard wanted == Self.newest || Self.isVersion(wanted) else {
            throw TemplateError(
                .invalidRequest,
                "'\(wanted)' is no version of Claude Code; one is like '\(pinned.version)', or 'latest'"
            )
        }
        let file = "\(cache)/claude-code-\(wanted).json"
        let finding: Finding
        if wanted != Self.newest, let known: Finding = try? JSONValue(parsing: Files.read(file)).decode() {
            finding = known
        } else {
            finding = try await ask(wanted, pinned)
            try Files.makeDirectory(cache)
            try Files.write(
                JSONValue(encoding: finding).encoded(),
                to: "\(cache)/claude-code-\(finding.version).json"
            )
        }
        if finding.version == pinned.version { return pinned }
        var claude = pinned
        claude.version = finding.version
        claude.wheelVersion = finding.wheelVersion
        claude.wheelDigest = finding.wheelDigest
        claude.digest = nil
        return claude
    }

    private func ask(_ wanted: String, _ pinned: ClaudeCode) async throws -> Finding {
        let output = try await Tools.run(
            "python3",
            ["-c", Self.script, index, pinned.wheelProject, pinned.wheelPlatform, wanted],
            failure: (.downloadFailed, "PyPI was not asked for Claude Code \(wanted)")
        )
        let answer = try JSONValue(parsing: output.output)
        if let problem = answer["problem"]?.string { throw TemplateError(.notFound, problem) }
        let finding: Finding = try answer.decode()
        guard Self.isVersion(finding.version), Self.isVersion(finding.wheelVersion),
            UploadedFiles.isHash(finding.wheelDigest)
        else {
            throw TemplateError(.downloadFailed, "What PyPI says of Claude Code \(wanted) can not be understood")
        }
        return finding
    }

    private static func isVersion(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return (2...4).contains(parts.count)
            && parts.allSatisfy { part in
                (1...9).contains(part.utf8.count) && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
            }
    }

    /// Arguments: the index, the project, the platform, the version. Writes a ``Finding`` or a problem.
    private static let script = """
        import hashlib, html.parser, io, json, re, sys, tarfile, urllib.parse, urllib.request
        index, project, platform, wanted = sys.argv[1:]
        home = f"{index.rstrip('/')}/{project}/"
        name = re.sub("[-_.]+", "[-_.]", project)

        def fetch(url):
            request = urllib.request.Request(url, headers={"Accept": "text/html, */*;q=0.1"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read(64 << 20)

        def rank(version):
            return [int(part) for part in version.split(".")]

        class Links(html.parser.HTMLParser):
            wheels, sources = {}, {}
            def handle_starttag(self, tag, attributes):
                facts = dict(attributes)
                if tag != "a" or not facts.get("href") or "data-yanked" in facts:
                    return
                url, fragment = urllib.parse.urldefrag(urllib.parse.urljoin(home, facts["href"]))
                digest = dict(urllib.parse.parse_qsl(fragment)).get("sha256")
                file = urllib.parse.unquote(url.rsplit("/", 1)[-1])
                wheel = re.fullmatch(name + r"-([0-9.]+)-[^-]+-[^-]+-(.+)\\.whl", file)
                source = re.fullmatch(name + r"-([0-9.]+)\\.tar\\.gz", file)
                if digest and wheel and platform in wheel[2].split("."):
                    self.wheels[wheel[1]] = digest
                elif digest and source:
                    self.sources[source[1]] = (url, digest)

        links = Links()
        links.feed(fetch(home).decode())
        versions = sorted(links.wheels.keys() & links.sources.keys(), key=rank)
        known = {}

        def brought(position):
            version = versions[position]
            if version not in known:
                url, digest = links.sources[version]
                data = fetch(url)
                if hashlib.sha256(data).hexdigest() != digest:
                    sys.exit(f"the source of {project} {version} is not what the index names")
                known[version] = ""
                with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                    for member in archive:
                        if member.isfile() and member.name.endswith("src/" + project.replace("-", "_") + "/_cli_version.py"):
                            text = archive.extractfile(member).read(4096).decode()
                            found = re.search(r'__cli_version__ = "([0-9.]+)"', text)
                            known[version] = found[1] if found else ""
            return known[version]

        def answer(position):
            version = versions[position]
            json.dump({"version": brought(position), "wheelVersion": version, "wheelDigest": links.wheels[version]}, sys.stdout)
            sys.exit()

        if not versions:
            sys.exit(f"{home} has no {project} for {platform}")
        if wanted == "latest":
            answer(len(versions) - 1)
        low, high = 0, len(versions)
        while low < high:
            middle = (low + high) // 2
            here = brought(middle)
            if here == wanted:
                answer(middle)
            # Those that do not say what they bring are the oldest.
            if not here or rank(here) < rank(wanted):
                low = middle + 1
            else:
                high = middle
        near = [brought(position) for position in (low - 1, low) if 0 <= position < len(versions)]
        near = [f"'{version}'" for version in near if version]
        newest = brought(len(versions) - 1)
        json.dump({"problem": f"PyPI has no {project} that brings Claude Code {wanted}; the nearest are "
                   + (" and ".join(near) or "none") + f", and the newest is '{newest}'"}, sys.stdout)
        """
}
