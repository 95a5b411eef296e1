"""Claude Code in a terminal: your own, when there is one, else driven by this program.

With `--login` no key is given, and `/login` inside prints the address that a person opens; a snapshot taken afterwards has
the login in it.
"""

import json
import os
import sys
import threading

from freestyle import vms

SNAPSHOT = os.environ.get("FREESTYLE_SNAPSHOT", "claude-code")


def launch():
    """TERM must be set, or Claude Code does not start; Martlet's terminals have it."""
    key = "" if "--login" in sys.argv else f'ANTHROPIC_API_KEY="{os.environ["ANTHROPIC_API_KEY"]}" '
    return f"HOME=/root PATH=/root/.local/bin:$PATH TERM=xterm-256color {key}claude\n".encode()


def attached(vm):
    """Gives this terminal to Claude Code."""
    import termios
    import tty

    columns, rows = os.get_terminal_size()
    before = termios.tcgetattr(0)
    with vm.pty(columns, rows, linuxUser="root") as session:
        tty.setraw(0)
        try:
            session.send(launch())

            def type_ahead():
                while keys := os.read(0, 1024):
                    session.send(keys)

            threading.Thread(target=type_ahead, daemon=True).start()
            for message in session:
                if isinstance(message, bytes):
                    os.write(1, message)
                elif json.loads(message)["type"] == "exited":
                    break
        finally:
            termios.tcsetattr(0, termios.TCSADRAIN, before)


# What Claude Code shows above the chat, and in none of the questions that it may ask before.
IN_THE_CHAT = b"API Usage Billing"


def driven(vm):
    """Opens a terminal, leaves it, comes back, and finds what was on it."""

    def read_until(session, words):
        shown = b""
        while words not in shown:
            message = session.recv(timeout=120)
            if isinstance(message, bytes):
                shown += message
        return shown

    with vm.pty(100, 30, linuxUser="root", slug="claude") as session:
        print("session:", json.loads(session.recv(timeout=60))["created"])
        session.send(launch())
        read_until(session, IN_THE_CHAT)
        print("in the chat")
        session.send(json.dumps({"type": "resize", "cols": 120, "rows": 40}))
        # Closing the socket leaves the session running.
    with vm.pty(120, 40, linuxUser="root", slug="claude") as session:
        print("session:", json.loads(session.recv(timeout=60))["created"])
        read_until(session, IN_THE_CHAT)
        print("still in the chat")
        session.send(b"/exit\r")
        session.send(b"exit\r")


with vms.create(snapshotId=SNAPSHOT, idleTimeoutSeconds=None) as vm:
    (attached if sys.stdin.isatty() else driven)(vm)
