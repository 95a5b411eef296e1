"""A task that edits files, with nobody to ask: as a user who is not root, with permissions skipped."""

import os

from freestyle import vms

SNAPSHOT = os.environ.get("FREESTYLE_SNAPSHOT", "claude-code")

with vms.create(snapshotId=SNAPSHOT, idleTimeoutSeconds=None) as vm:
    claude = vm.user("claude")
    claude.fs.write_text_file("/srv/app/counter.html", "<button>0</button>\n")
    run = claude.exec(
        f'cd /srv/app && HOME=/home/claude TERM=xterm-256color ANTHROPIC_API_KEY="{os.environ["ANTHROPIC_API_KEY"]}" '
        'claude -p "Turn this page into a cookie-clicker game" --dangerously-skip-permissions',
        # Autonomous runs take minutes: give them room. Martlet has no limit of five minutes.
        timeout_ms=600_000,
    )
    print(run["stdout"])
    print(claude.fs.read_text_file("/srv/app/counter.html"))
    print(claude.exec("stat -c '%U' /srv/app/counter.html")["stdout"].strip())
    raise SystemExit(run["statusCode"])
