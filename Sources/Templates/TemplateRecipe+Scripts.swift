/// The scripts that make a template's files, in the shell that Debian's tools are at home in.
extension TemplateRecipe {
    /// Makes the base file system as a tar archive. Arguments: where, and mmdebstrap's mode.
    ///
    /// The documentation goes in a hook: told to dpkg as an exclusion while it installs, it makes that four times as slow.
    /// pip may install into a system that is thrown away.
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
        --customize-hook='rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED' \
        --customize-hook='printf "LANG=C.UTF-8\\n" > "$1/etc/default/locale"' \
        \(release) - > "$1"
        """
    }

    /// Makes the disk image. Arguments: the base archive, a directory with the files, a directory for the tree, the image, its
    /// size in MiB; then, each empty where the template has none, the Claude Code program and the directory of Python packages.
    ///
    /// There is no journal: disk and memory are saved in one instant, so this file system is never found half written.
    package var diskScript: String {
        """
        root="$3/root"
        trap 'rm -rf "$root"' EXIT
        mkdir -p "$root"
        tar -xf "$1" -C "$root" --numeric-owner -p
        mkdir -p "$root/dev" "$root/proc" "$root/sys" "$root/run" "$root/tmp"
        if [ -n "$6" ]; then ln "$6" "$root/usr/local/bin/claude" 2>/dev/null || cp "$6" "$root/usr/local/bin/claude"; fi
        if [ -n "$7" ]; then
            mkdir -p "$root\(pythonPackages)"
            cp -a "$7/." "$root\(pythonPackages)/"
            chown -R 0:0 "$root\(pythonPackages)"
            chmod -R u=rwX,go=rX "$root\(pythonPackages)"
        fi
        rm -f "$root/etc/resolv.conf" "$root/etc/hostname"
        cp -r "$2/system/." "$root/"
        if [ -d "$2/home" ]; then for home in root home/user; do cp -r "$2/home/." "$root/$home/"; done; fi
        chown -R 1000:1000 "$root/home/user"
        truncate -s "$5M" "$4"
        mke2fs -q -F -t ext4 -d "$root" -L martlet -m 0 -O ^has_journal,^resize_inode,^metadata_csum \
        -E lazy_itable_init=1,assume_storage_prezeroed=1,root_owner=0:0 "$4"
        """
    }

    /// Makes the initial RAM disk. Arguments: the guest's agent, the directory of modules, a directory for the tree, the file.
    package var initialRAMDiskScript: String {
        """
        mkdir -p "$3/tree/dev" "$3/tree/proc" "$3/tree/modules"
        cp "$1" "$3/tree/init"
        chmod 755 "$3/tree/init"
        cp "$2"/*.ko "$3/tree/modules/"
        cd "$3/tree"
        find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet > "$4"
        """
    }
}
