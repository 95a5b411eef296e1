import Glibc
import Linux
import RPC
import Records
import Testing
import Wire

/// Images from a registry of the test's own and from files, with nothing in them but a static program or a small shell.
@Suite(
    .serialized,
    .enabled(if: Installation.isPossible && ImageTools.arePresent, ImageTools.absence),
    .sharedInstallation(templates: ["base"], arguments: ["--pool", "0"])
)
struct `a template of an image` {
    private func build(
        _ name: String,
        from image: String,
        _ arguments: [String] = ["--memory", "256M", "--disk", "512M"],
        variables: [String: String] = [:]
    ) async throws -> Program.Output {
        let martlet = try shared()
        return try await Installation.slots.withPermit {
            try await martlet.martlet(["template", "build", name, "--from", image] + arguments, variables: variables)
        }
    }

    private func output(_ words: [String], in template: String) async throws -> Program.Output {
        let martlet = try shared()
        return try await Installation.slots.withPermit {
            let sandbox = try await martlet.client.call(CreateSandbox.self, .init(template: template))
            let run = try await martlet.martlet(["exec"] + words.prefix(2) + [sandbox.id, "--"] + words.dropFirst(2))
            try await martlet.martlet(["kill", sandbox.id])
            return run
        }
    }

    @Test func `comes from a registry with its variables, user and directory`() async throws {
        let tools = ImageTools(place: "\(try shared().root)/work/images")
        try await tools.makeSmall()
        try await tools.withRegistry { port in
            try await tools.push("small", to: port)
            let image = "docker://127.0.0.1:\(port)/small:1"
            let built = try await build("small", from: image)
            #expect(built.status.isSuccess, "\(built.errorText)")
            let run = try await output(
                [
                    "-u", "worker", "sh", "-lc",
                    "id -un; pwd; echo $COLOUR; ls -A /merged; ls -A /opaque; cat /etc/release",
                ],
                in: "small"
            )
            #expect(
                run.text.split(separator: "\n") == ["worker", "/srv", "green", "kept", "new", "small"],
                "\(run.errorText)"
            )
            #expect(try await shared().martlet(["template", "show", "small"]).text.contains("/bin/sh -c serve"))
            // Nothing is fetched or booted for what is there.
            let again = try await build("again", from: image)
            #expect(again.errorText.contains("nothing has changed"), "\(again.errorText)")
            let missing = try await build("missing", from: "docker://127.0.0.1:\(port)/none:1")
            #expect(missing.status == .exited(1) && missing.errorText.contains("was not found"), "\(missing.errorText)")
        }
        try await tools.withRegistry(password: "s3cret") { port in
            try await tools.push("private", to: port, password: "s3cret")
            let image = "docker://127.0.0.1:\(port)/private:1"
            let small = ["--memory", "256M", "--disk", "512M"]
            for (arguments, password) in [(small, nil), (small + ["--registry-user", "worker"], "other")] {
                let variables = password.map { ["MARTLET_REGISTRY_PASSWORD": $0] } ?? [:]
                let refused = try await build("private", from: image, arguments, variables: variables)
                #expect(refused.status == .exited(1) && refused.errorText.contains("was not found"))
            }
            let admitted = try await build(
                "private",
                from: image,
                small + ["--registry-user", "worker"],
                variables: ["MARTLET_REGISTRY_PASSWORD": "s3cret"]
            )
            #expect(admitted.status.isSuccess, "\(admitted.errorText)")
            // It is the same image, so nothing else is in it; and the password is nowhere.
            let found = try await Program("grep", ["-rlF", "s3cret", try shared().home.path]).run()
            #expect(found.text.isEmpty, "\(found.text)")
        }
        let down = try await build("down", from: "docker://127.0.0.1:9/small:1")
        #expect(down.status == .exited(1) && down.errorText.contains("was not found"), "\(down.errorText)")
    }

    /// Debian's packages as the template `base` has them, in what `docker save` writes.
    @Test func `is a Debian from an archive, in which steps run`() async throws {
        let tools = ImageTools(place: "\(try shared().root)/work/debian")
        let archive = try await tools.makeDebian(from: "\(Installation.templates ?? "")/images")
        let built = try await build("debian", from: "docker-archive:\(archive)", ["--disk", "2G"])
        #expect(built.status.isSuccess, "\(built.errorText)")
        let script = ". /etc/os-release; echo $ID $COLOUR; id -un; sudo id -u; python3 -c 'print(6 * 7)'"
        let run = try await output(["-u", "user", "bash", "-lc", script], in: "debian")
        #expect(run.text.split(separator: "\n") == ["debian red", "user", "0", "42"], "\(run.errorText)")
    }

    @Test func `boots with a static program and nothing else`() async throws {
        let tools = ImageTools(place: "\(try shared().root)/work/bare")
        let file = try await tools.makeBare()
        let built = try await build("bare", from: "rootfs:\(file)")
        #expect(built.status.isSuccess, "\(built.errorText)")
        #expect(built.errorText.contains("no shell"))
        let run = try await output(["-u", "root", "/busybox", "echo", "alive"], in: "bare")
        #expect(run.text == "alive\n", "\(run.errorText)")
    }

    @Test func `comes from a directory in OCI's layout`() async throws {
        let tools = ImageTools(place: "\(try shared().root)/work/layout")
        try await tools.makeBareLayout()
        let built = try await build("layout", from: "oci:\(tools.layout):bare")
        #expect(built.status.isSuccess, "\(built.errorText)")
        let run = try await output(["-u", "root", "/busybox", "sh", "-c", "echo $COLOUR; pwd"], in: "layout")
        #expect(run.text == "blue\n/place\n", "\(run.errorText)")
        #expect(try await shared().martlet(["template", "show", "layout"]).text.contains("/busybox httpd"))
        let missing = try await build("none", from: "oci:\(tools.layout):none")
        #expect(missing.status == .exited(1) && missing.errorText.contains("was not found"), "\(missing.errorText)")
    }

    @Test func `is refused when its layers are not what they say, and leads nowhere`() async throws {
        let tools = ImageTools(place: "\(try shared().root)/work/hostile")
        try await tools.makeSmall()
        let before = try await tools.hostileLayer()
        let hostile = try await build("hostile", from: "oci:\(tools.layout):hostile")
        // Whether umoci refuses such a layer or keeps it below the root: what is outside is as it was.
        if hostile.status.isSuccess {
            let run = try await output(
                ["-u", "root", "sh", "-c", "ls /dev/evil /link/planted 2>&1; true"],
                in: "hostile"
            )
            #expect(run.text.contains("/dev/evil: No such file"), "\(run.text)")
        }
        #expect(try await tools.outside() == before)
        try await tools.damageLayer()
        let damaged = try await build("damaged", from: "oci:\(tools.layout):1")
        #expect(damaged.status == .exited(1), "\(damaged.errorText)")
        #expect(try Files.list("\(shared().home.images)/.making").isEmpty)
    }
}

/// Debian's tools for images, and small images made with them.
struct ImageTools: Sendable {
    static let arePresent = ["skopeo", "umoci", "docker-registry", "busybox"].allSatisfy { Program.find($0) != nil }
    static let absence: Comment = "Images are not tested: install skopeo, umoci, docker-registry and busybox-static"

    let place: String

    var layout: String { "\(place)/layout" }
    private var outsideDirectory: String { "\(place)/outside" }

    private func shell(_ script: String, _ arguments: String...) async throws {
        try await Program("/bin/sh", ["-euc", script, "sh", place, layout] + arguments).succeed()
    }

    /// An image of layers of which one hides a directory of the first, and one whites out a file.
    func makeSmall() async throws {
        try Files.makeDirectory(place)
        try await shell(
            """
            root=$1/root
            mkdir -p "$root/bin" "$root/etc/profile.d" "$root/srv" "$root/merged" "$root/dev" "$root/opaque" "$1/new"
            echo old > "$root/opaque/old"
            echo new > "$1/new/new"
            cp "$(command -v busybox)" "$root/bin/busybox"
            for name in sh ls cat id pwd echo grep cut mkdir chown chmod sync tar true cp xargs stat; do
                ln -s busybox "$root/bin/$name"
            done
            echo small > "$root/etc/release"
            printf 'root:x:0:0::/root:/bin/sh\\nworker:x:7:7::/srv:/bin/sh\\n' > "$root/etc/passwd"
            echo gone > "$root/merged/gone"
            echo kept > "$root/merged/kept"
            umoci init --layout "$2"
            umoci new --image "$2:1"
            umoci insert --image "$2:1" "$root" /
            umoci insert --opaque --image "$2:1" "$1/new" /opaque
            umoci insert --whiteout --image "$2:1" /merged/gone
            umoci config --image "$2:1" --config.env COLOUR=green --config.user worker --config.workingdir /srv \\
                --config.entrypoint /bin/sh --config.entrypoint -c --config.cmd serve
            """
        )
    }

    /// The root file system that the template `base` is made of, as a docker archive.
    func makeDebian(from images: String) async throws -> String {
        try Files.makeDirectory(place)
        let layer = try #require(Files.list(images).first { $0.hasPrefix("base-") })
        try await shell(
            """
            cd "$1"
            digest=$(sha256sum < "$3" | cut -d ' ' -f 1)
            cp "$3" layer.tar
            printf '{"architecture":"amd64","os":"linux","config":{"Env":["COLOUR=red"]},' > config.json
            printf '"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$digest" >> config.json
            printf '[{"Config":"config.json","RepoTags":["debian:1"],"Layers":["layer.tar"]}]' > manifest.json
            tar -cf debian.tar manifest.json config.json layer.tar
            rm layer.tar
            """,
            "\(images)/\(layer)/root.tar"
        )
        return "\(place)/debian.tar"
    }

    /// A root file system that is one static program.
    func makeBare() async throws -> String {
        try Files.makeDirectory(place)
        try await shell(
            """
            mkdir "$1/root"
            cp "$(command -v busybox)" "$1/root/busybox"
            tar -czf "$1/bare.tar.gz" -C "$1/root" .
            """
        )
        return "\(place)/bare.tar.gz"
    }

    /// The same, and a directory to work in, as an image in a layout.
    func makeBareLayout() async throws {
        _ = try await makeBare()
        try await shell(
            """
            mkdir "$1/root/place"
            umoci init --layout "$2"
            umoci new --image "$2:bare"
            umoci insert --image "$2:bare" "$1/root" /
            umoci config --image "$2:bare" --config.env COLOUR=blue --config.workingdir /place \\
                --config.user root --config.entrypoint /busybox --config.cmd httpd
            """
        )
    }

    /// Adds a layer that would write elsewhere if it could. Gives what is there before.
    func hostileLayer() async throws -> String {
        try Files.makeDirectory(outsideDirectory)
        try Files.write("victim".utf8, to: "\(outsideDirectory)/victim")
        let script = """
            import io, sys, tarfile
            out, outside = sys.argv[1], sys.argv[2]
            with tarfile.open(out, "w") as tar:
                def add(name, kind=tarfile.REGTYPE, link="", data=b"planted"):
                    member = tarfile.TarInfo(name)
                    member.type, member.linkname = kind, link
                    member.size = len(data) if kind == tarfile.REGTYPE else 0
                    member.devmajor, member.devminor = 1, 3
                    tar.addfile(member, io.BytesIO(data) if kind == tarfile.REGTYPE else None)
                add(outside + "/absolute")
                add("../" * 20 + outside.lstrip("/") + "/upward")
                add("link", tarfile.SYMTYPE, outside)
                add("link/planted")
                add("hard", tarfile.LNKTYPE, "../" * 20 + outside.lstrip("/") + "/victim")
                add("dev/evil", tarfile.CHRTYPE)
            """
        try await Program("python3", ["-c", script, "\(place)/hostile.tar", outsideDirectory]).succeed()
        try await shell(
            """
            umoci tag --image "$2:1" hostile
            umoci raw add-layer --image "$2:hostile" "$1/hostile.tar"
            """
        )
        return try await outside()
    }

    func outside() async throws -> String {
        let files = Files.list(outsideDirectory)
        let victim = String(decoding: try Files.read("\(outsideDirectory)/victim"), as: UTF8.self)
        let links = try await Program("stat", ["-c", "%h", "\(outsideDirectory)/victim"]).succeed()
        return "\(files) \(victim) \(links)"
    }

    /// Changes a byte of every layer, so that none has the digest that its manifest names.
    func damageLayer() async throws {
        try await shell(
            """
            for blob in "$2"/blobs/sha256/*; do
                if [ "$(head -c 2 "$blob" | od -An -tx1 | tr -d ' ')" = 1f8b ]; then printf x >> "$blob"; fi
            done
            """
        )
    }

    /// Runs a registry on the loopback for as long as `body` does.
    ///
    /// - Parameter password: lets `worker` in, and nobody else; nil lets everybody in.
    func withRegistry(password: String? = nil, _ body: @Sendable @escaping (UInt16) async throws -> Void) async throws {
        let free = try Listener(.loopback(0))
        guard case .tcp(_, let port) = free.address else { throw Unexpected("The loopback has no ports") }
        free.close()
        let configuration = """
            version: 0.1
            log: {level: error}
            storage: {filesystem: {rootdirectory: \(place)/registry}}
            http: {addr: 127.0.0.1:\(port)}
            """
        var access = ""
        if let password {
            let script = """
                import sys, warnings
                warnings.simplefilter("ignore")
                import crypt
                print("worker:" + crypt.crypt(sys.argv[1], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))
                """
            let line = try await Program("/usr/bin/python3", ["-c", script, password]).succeed()
            try Files.write(line.utf8, to: "\(place)/htpasswd")
            access = "\nauth: {htpasswd: {realm: test, path: \(place)/htpasswd}}"
        }
        try Files.write((configuration + access).utf8, to: "\(place)/registry.yml")
        let program = try Program("docker-registry", [])
        let child = try PipedChild(
            path: program.path,
            arguments: ["docker-registry", "serve", "\(place)/registry.yml"],
            environment: ["PATH": "/usr/bin:/bin", "HOME": place]
        )
        // Read to their ends, so that it never waits for us.
        let reading = Task {
            async let output: Void = Self.drain(child.output)
            async let errors: Void = Self.drain(child.errors)
            _ = await (output, errors)
        }
        do {
            _ = try await retrying(every: .milliseconds(20), for: .seconds(60)) {
                (try? await raw("GET /v2/ HTTP/1.0\r\n\r\n", to: port)).map {
                    $0.contains("200 OK") || $0.contains(" 401 ")
                } == true ? true : nil
            }
            try await body(port)
        } catch {
            child.kill()
            throw error
        }
        child.kill()
        _ = try await child.child.exit.value()
        reading.cancel()
    }

    private static func drain(_ channel: Channel) async {
        while let bytes = try? await channel.read(), !bytes.isEmpty {}
    }

    func push(_ name: String, to port: UInt16, password: String? = nil) async throws {
        try await Program(
            "skopeo",
            [
                "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false",
            ] + (password.map { ["--dest-creds", "worker:\($0)"] } ?? []) + [
                "oci:\(layout):1", "docker://127.0.0.1:\(port)/\(name):1",
            ]
        ).succeed()
    }
}
