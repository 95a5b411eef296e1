"""A person at Claude Code in a sandbox, with a real terminal emulator for eyes. Usage: terminal.py MARTLET SANDBOX

Prints what was seen as JSON: a chat at once, words that were typed, an answer, the same after the person left and came back, and
after the window became another size.
"""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time

import pyte

martlet, sandbox = sys.argv[1:]


class Terminal:
    """A terminal with a program in it."""

    def __init__(self, arguments, columns, rows):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.pid, self.primary = pty.fork()
        if self.pid == 0:
            # The size is there before the program looks.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvp(arguments[0], arguments)

    def resize(self, columns, rows):
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.primary, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.primary, text.encode())

    @property
    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def until(self, seen, what, patience=120):
        """Feeds the emulator until the screen is as it should be."""
        end = time.monotonic() + patience
        while not seen(self.text):
            ready, _, _ = select.select([self.primary], [], [], max(0, end - time.monotonic()))
            if not ready:
                sys.exit(f"never seen: {what}\n{self.text}")
            try:
                data = os.read(self.primary, 65536)
            except OSError:
                data = b""
            if not data:
                sys.exit(f"the program ended before: {what}\n{self.text}")
            self.stream.feed(data)
        return self.text

    def end(self):
        """Reads the rest and gives the status."""
        rest = b""
        while True:
            try:
                data = os.read(self.primary, 65536)
            except OSError:
                break
            if not data:
                break
            rest += data
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]), rest.decode(errors="replace")


def is_chat(text):
    return "❯" in text and ("? for shortcuts" in text or "shift+tab to cycle" in text)


def width(text):
    """Columns of the widest rule that the program draws."""
    return max((line.count("─") for line in text.splitlines()), default=0)


line = [martlet, "sandbox", "connect", sandbox, "--session", "chat", "--", "claude"]
seen = {}
terminal = Terminal(line, 100, 30)
first = terminal.until(is_chat, "the chat")
seen["chat"] = True
seen["asked"] = [word for word in ("theme", "Log in", "trust", "API key") if word in first]
seen["width"] = width(first)
terminal.type("How are you, größer?")
terminal.until(lambda text: "How are you, größer?" in text, "what was typed")
terminal.type("\r")
terminal.until(lambda text: "Very well, thank you." in text, "the answer")

terminal.resize(132, 43)
seen["wide"] = width(terminal.until(lambda text: width(text) > 120 and is_chat(text), "the chat at its new size"))

# At the start of a line, as far as the keys that were typed tell.
terminal.type("\r~.")
seen["left"], said = terminal.end()
seen["said"] = "--session chat" in said

back = Terminal(line, 132, 43)
back.until(lambda text: "Very well, thank you." in text and is_chat(text), "the chat as it was left")
back.resize(90, 28)
seen["narrow"] = width(back.until(lambda text: 60 < width(text) <= 90 and is_chat(text), "the chat, smaller"))
back.type("/exit")
back.until(lambda text: "❯ /exit" in text.replace("\xa0", " "), "the word that ends it")
back.type("\r")
seen["status"], _ = back.end()
print(json.dumps(seen))
