"""One prompt, one answer: boot a VM from the snapshot, run `claude -p`, print what it says."""

import os

from freestyle import vms

SNAPSHOT = os.environ.get("FREESTYLE_SNAPSHOT", "claude-code")

with vms.create(snapshotId=SNAPSHOT, idleTimeoutSeconds=None) as vm:
    run = vm.exec(
        f'HOME=/root ANTHROPIC_API_KEY="{os.environ["ANTHROPIC_API_KEY"]}" '
        '/root/.local/bin/claude -p "Write a haiku about sandboxes"',
        timeout_ms=120_000,
    )
    print(run["stdout"])
    raise SystemExit(run["statusCode"])
