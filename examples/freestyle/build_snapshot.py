"""Build a snapshot with Claude Code installed, and pre-seeded so that it asks nothing when it starts.

Martlet's snapshot `claude` has the CLI already, so there is nothing to download; `--installer` runs the official installer
on the bare `base` instead, which needs a way to the internet.
"""

import json
import os
import sys

from freestyle import vms

with_installer = "--installer" in sys.argv

with vms.create(snapshotId="base" if with_installer else "claude") as builder:
    if with_installer:
        # The installer reads $HOME.
        install = builder.exec("export HOME=/root && curl -fsSL https://claude.ai/install.sh | bash")
    else:
        # Where the installer would have put it.
        install = builder.exec("mkdir -p /root/.local/bin && ln -s /usr/local/bin/claude /root/.local/bin/claude")
    print("install:", install["statusCode"])

    # Confirm the binary landed and prints a version.
    version = builder.exec("/root/.local/bin/claude --version")
    print("version:", version["stdout"].strip())

    # Without this a first start asks for a theme, for the key and whether to trust the directory.
    key = os.environ["ANTHROPIC_API_KEY"]
    seed = {
        "theme": "dark",
        "hasCompletedOnboarding": True,
        # Claude identifies an approved key by its last 20 characters, not the whole key.
        "customApiKeyResponses": {"approved": [key[-20:]], "rejected": []},
        # Trust is per directory: list the one that you launch `claude` in.
        "projects": {"/root": {"hasTrustDialogAccepted": True}},
    }
    builder.fs.write_text_file("/root/.claude.json", json.dumps(seed))

    # Autonomous work is for a user who is not root, and who has what it edits.
    user = builder.exec(
        """id claude 2>/dev/null || useradd -m -s /bin/bash claude
        cp -a /root/.claude /root/.claude.json /home/claude/
        mkdir -p /srv/app
        chown -R claude:claude /home/claude /srv/app"""
    )
    print("user:", user["statusCode"])

    print("snapshot:", builder.snapshot(name="claude-code"))
