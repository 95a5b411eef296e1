import Wire

/// What the template `claude` is made of: every version, package, file and option, in this one place.
///
/// The digests of the layers are made from these texts, so that a change here builds again what it touches and no more.
package struct ClaudeRecipe: Sendable, Hashable {
    package static let name = "claude"

    // MARK: Sizes

    package var processors = 2
    package var memoryMiB = 1024
    package var diskMiB = 8192

    // MARK: Kernel

    /// Depends on the kernel's package, whose name has the version in it.
    package var kernelPackage = "linux-image-cloud-amd64"
    /// Below `lib/modules/RELEASE/kernel`, in the order in which they are loaded: each comes after those it needs.
    package var modules = [
        "drivers/virtio/virtio_ring", "drivers/virtio/virtio", "drivers/virtio/virtio_mmio",
        "drivers/block/virtio_blk", "net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net",
        "drivers/char/hw_random/virtio-rng", "fs/overlayfs/overlay",
    ]
    package var kernelParameters = "console=ttyS0 quiet reboot=t panic=-1 ipv6.disable=1 mitigations=off"
    /// Added where instructions are translated. QEMU finds its translations again by address, so a program that begins elsewhere
    /// each time is translated each time: with randomised addresses, starting one costs twice as much. What they protect, one
    /// program of a sandbox from another's attack, is little in a guest of one user.
    package var translatedKernelParameters = "norandmaps"

    // MARK: Debian

    package var release = "bookworm"
    package var packages = [
        "bash", "ca-certificates", "curl", "diffutils", "file", "findutils", "git", "iproute2", "jq", "less", "make",
        "openssh-client", "patch", "procps", "python3", "ripgrep", "sudo", "tar", "unzip", "xz-utils", "zip",
    ]

    /// Makes the base file system as a tar archive. Arguments: where, and mmdebstrap's mode.
    ///
    /// The documentation goes in a hook: told to dpkg as an exclusion while it installs, it makes that four times as slow.
    package var baseScript: String {
        """
        exec mmdebstrap --mode="$2" --variant=minbase --components=main --format=tar \
        --include=\(packages.joined(separator: ",")) \
        --aptopt='APT::Install-Recommends "false"' --skip=output/dev \
        --customize-hook='chroot "$1" useradd --create-home --uid 1000 --user-group --shell /bin/bash user' \
        --customize-hook='printf "user ALL=(ALL:ALL) NOPASSWD: ALL\\n" > "$1/etc/sudoers.d/user"' \
        --customize-hook='chmod 440 "$1/etc/sudoers.d/user"' \
        --customize-hook='rm -rf "$1"/usr/share/doc/* "$1"/usr/share/man/* "$1"/usr/share/info/* "$1"/usr/share/locale/* \
        "$1"/usr/share/lintian "$1"/usr/share/bug "$1"/var/cache/debconf/*-old "$1"/var/log/*.log "$1"/var/log/apt/*' \
        --customize-hook='for path in doc man info locale; do printf "path-exclude=/usr/share/%s/*\\n" $path; \
        done > "$1/etc/dpkg/dpkg.cfg.d/small"' \
        --customize-hook='printf "LANG=C.UTF-8\\n" > "$1/etc/default/locale"' \
        \(release) - > "$1"
        """
    }

    // MARK: Claude Code

    package var claudeVersion = "2.1.327"
    /// The PyPI package that carries the program.
    package var wheelProject = "claude-agent-sdk"
    package var wheelVersion = "0.2.184"
    package var wheelPlatform = "manylinux_2_17_x86_64"
    package var wheelDigest = "40509cadce72d62ded6c3ed831bbcffbff1a7fed8a19cfe1670b3a55418ed089"
    package var wheelMember = "claude_agent_sdk/_bundled/claude"
    package var claudeDigest = "343c744baa14bfd38286a7cb90871051f04379956da6c5b803a9e66019a76ac9"

    // MARK: The disk

    package var user = "user"
    package var directory = "/home/user"

    /// What every process in a sandbox finds: the way to the model, and quiet otherwise.
    package var environment = [
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:\(GuestProtocol.gatewayPort)",
        "ANTHROPIC_API_KEY": GuestProtocol.placeholderKey,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_SANDBOXED": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
        "LANG": "C.UTF-8",
    ]

    /// A file that is written into the image, in each home when its path begins with `~/`.
    package struct File: Sendable, Hashable {
        package var path: String
        package var text: String
    }

    package var files: [File] {
        let variables = environment.sorted { $0.key < $1.key }
        return [
            File(path: "/etc/hostname", text: "martlet\n"),
            File(path: "/etc/hosts", text: "127.0.0.1 localhost martlet\n"),
            File(path: "/etc/resolv.conf", text: ""),
            File(path: "/etc/environment", text: variables.map { "\($0.key)=\($0.value)\n" }.joined()),
            File(
                path: "/etc/profile.d/martlet.sh",
                text: variables.map { "export \($0.key)='\($0.value)'\n" }.joined()
            ),
            File(path: "~/.claude.json", text: firstRunState.text(pretty: true) + "\n"),
            File(path: "~/.claude/settings.json", text: settings.text(pretty: true) + "\n"),
        ]
    }

    /// What makes Claude Code ask nothing when it starts: neither theme, nor login, nor key, nor trust.
    package var firstRunState: JSONValue {
        [
            "hasCompletedOnboarding": true,
            "bypassPermissionsModeAccepted": true,
            "customApiKeyResponses": [
                // It knows a key by its last twenty characters.
                "approved": [.string(String(GuestProtocol.placeholderKey.suffix(20)))],
                "rejected": [],
            ],
            "projects": ["/": ["hasTrustDialogAccepted": true]],
        ]
    }

    private var settings: JSONValue { ["skipDangerousModePermissionPrompt": true] }

    /// Makes the disk image. Arguments: the base archive, the Claude Code program, a directory with the files, a directory
    /// for the tree, the image, its size in MiB.
    ///
    /// There is no journal: disk and memory are saved in one instant, so this file system is never found half written.
    package let diskScript = """
        root="$4/root"
        trap 'rm -rf "$root"' EXIT
        mkdir -p "$root"
        tar -xf "$1" -C "$root" --numeric-owner -p
        mkdir -p "$root/dev" "$root/proc" "$root/sys" "$root/run" "$root/tmp"
        ln "$2" "$root/usr/local/bin/claude" 2>/dev/null || cp "$2" "$root/usr/local/bin/claude"
        rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
        cp -r "$3/system/." "$root/"
        for home in root home/user; do cp -r "$3/home/." "$root/$home/"; done
        chown -R 1000:1000 "$root/home/user"
        truncate -s "$6M" "$5"
        mke2fs -q -F -t ext4 -d "$root" -L martlet -m 0 -O ^has_journal,^resize_inode,^metadata_csum \
        -E lazy_itable_init=1,assume_storage_prezeroed=1,root_owner=0:0 "$5"
        """

    // MARK: The initial RAM disk

    /// Makes the initial RAM disk. Arguments: the guest's agent, the directory of modules, a directory for the tree, the file.
    package let initialRAMDiskScript = """
        mkdir -p "$3/tree/dev" "$3/tree/proc" "$3/tree/modules"
        cp "$1" "$3/tree/init"
        chmod 755 "$3/tree/init"
        cp "$2"/*.ko "$3/tree/modules/"
        cd "$3/tree"
        find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet > "$4"
        """
}
