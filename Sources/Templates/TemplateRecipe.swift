import Wire

/// What a template is made of: every version, package, file and option, in this one place and in ``ClaudeCode``.
///
/// The digests of the layers are made from these texts, so that a change here builds again what it touches and no more; and
/// what two recipes have in common is made once for both.
package struct TemplateRecipe: Sendable, Hashable {
    package let name: String
    /// What makes it a home for Claude Code; nil in a template without.
    package var claude: ClaudeCode?

    /// Debian with the tools that programs for E2B find in its template of this name.
    package static let base = TemplateRecipe(name: "base")
    /// The same with Claude Code.
    package static let claude = TemplateRecipe(name: "claude", claude: ClaudeCode())
    package static let all = [base, claude]

    /// The layers that it stands on, in the order of their making.
    package var layers: [Layer] {
        claude == nil ? [.kernel, .base, .disk, .initialRAMDisk] : Layer.allCases
    }

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
        "drivers/char/hw_random/virtio-rng", "fs/overlayfs/overlay", "fs/fuse/fuse",
    ]
    package var kernelParameters = "console=ttyS0 quiet reboot=t panic=-1 ipv6.disable=1 mitigations=off"
    /// Added where instructions are translated. QEMU finds its translations again by address, so a program that begins elsewhere
    /// each time is translated each time: with randomised addresses, starting one costs twice as much. What they protect, one
    /// program of a sandbox from another's attack, is little in a guest of one user.
    ///
    /// The counter is the host's and goes right. What the kernel holds it against are ticks, of which a busy host loses some: it
    /// would take the counter for the one that is wrong, and count ticks from then on.
    package var translatedKernelParameters = "norandmaps tsc=nowatchdog"

    // MARK: Debian

    package var release = "bookworm"
    /// `git` has its daemon with it, `ncurses-bin` has `tput`, and `python-is-python3` the name that most programs call.
    package var packages = [
        "bash", "ca-certificates", "curl", "diffutils", "file", "findutils", "git", "iproute2", "jq", "less", "make",
        "ncurses-bin", "openssh-client", "patch", "procps", "psmisc", "python-is-python3", "python3", "python3-pip",
        "python3-venv", "ripgrep", "sudo", "tar", "unzip", "wget", "xz-utils", "zip",
    ]
    /// Where Debian's Python looks for what is not Debian's.
    package let pythonPackages = "/usr/local/lib/python3.11/dist-packages"
    package let pythonVersion = "3.11"

    // MARK: The disk

    package var user = "user"
    package var directory = "/home/user"

    /// What every process in a sandbox finds.
    package var environment: [String: String] {
        (claude?.environment ?? [:]).merging(variables) { _, own in own }
    }
    package var variables = ["LANG": "C.UTF-8"]

    /// A file that is written into the image, in each home when its path begins with `~/`.
    package struct File: Sendable, Hashable {
        package var path: String
        package var text: String
        package var isProgram = false
    }

    package var files: [File] {
        let variables = environment.sorted { $0.key < $1.key }
        let system = [
            File(path: "/etc/hostname", text: "martlet\n"),
            File(path: "/etc/hosts", text: "127.0.0.1 localhost martlet\n"),
            File(path: "/etc/resolv.conf", text: ""),
            File(path: "/etc/environment", text: variables.map { "\($0.key)=\($0.value)\n" }.joined()),
            File(
                path: "/etc/profile.d/martlet.sh",
                text: variables.map { "export \($0.key)='\($0.value)'\n" }.joined()
            ),
        ]
        return system + (claude?.files ?? [])
    }
}
