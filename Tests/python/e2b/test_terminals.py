"""Terminals: `sandbox.pty`."""

import asyncio

import e2b
import pytest
from e2b import CommandExitException, PtySize

from flavours import IS_ASYNC, terminal
from test_commands import gone


class Screen:
    """What a terminal has shown."""

    def __init__(self):
        self.bytes = b""

    def __call__(self, data):
        self.bytes += bytes(data)

    async def shows(self, text):
        for _ in range(300):
            if text.encode() in self.bytes:
                return True
            await asyncio.sleep(0.1)
        return False


@pytest.mark.routed
async def test_a_terminal_runs_a_shell_of_its_size(sandbox):
    screen = Screen()
    handle, end = await terminal(sandbox, screen, cwd="/", envs={"GREETING": "hi"})
    await sandbox.pty.send_stdin(handle.pid, b'echo "$(tput cols)x$(tput lines) $GREETING $PWD $TERM $LANG"\n')
    assert await screen.shows("80x24 hi / xterm-256color C.UTF-8")
    await sandbox.pty.resize(handle.pid, PtySize(cols=100, rows=30))
    await sandbox.pty.send_stdin(handle.pid, b'echo "size $(tput cols)x$(tput lines)"\n')
    assert await screen.shows("size 100x30")
    await sandbox.pty.send_stdin(handle.pid, b"exit 0\n")
    assert (await end).exit_code == 0


async def test_a_terminal_tells_its_status(sandbox):
    handle, end = await terminal(sandbox, Screen())
    await sandbox.pty.send_stdin(handle.pid, b"exit 4\n")
    with pytest.raises(CommandExitException) as ended:
        await end
    assert ended.value.exit_code == 4


async def test_a_terminal_is_killed_and_reaped(sandbox):
    handle, end = await terminal(sandbox, Screen())
    assert handle.pid in [one.pid for one in await sandbox.commands.list()]
    assert await sandbox.pty.kill(handle.pid)
    with pytest.raises(CommandExitException):
        await end
    assert await gone(sandbox, handle.pid)
    assert not await sandbox.pty.kill(handle.pid)


async def test_a_terminal_is_a_users(sandbox):
    screen = Screen()
    handle, end = await terminal(sandbox, screen, user="root")
    await sandbox.pty.send_stdin(handle.pid, b'echo "i am $(id -un) at $(tty | cut -c 1-9)"; exit\n')
    assert await screen.shows("i am root at /dev/pts/")
    await end


async def test_a_terminal_is_connected_to_again(sandbox):
    handle, end = await terminal(sandbox, Screen())
    screen = Screen()
    if IS_ASYNC:
        other = await sandbox.pty.connect(handle.pid, on_data=screen)
        seen = asyncio.create_task(other.wait())
    else:
        other = await sandbox.pty.connect(handle.pid)
        seen = asyncio.create_task(other.wait(on_pty=screen))
    await sandbox.pty.send_stdin(handle.pid, b'echo "both $((1 + 1))"; exit\n')
    assert await screen.shows("both 2")
    await asyncio.gather(end, seen)


async def test_control_c_reaches_the_program(sandbox):
    screen = Screen()
    handle, end = await terminal(sandbox, screen)
    await sandbox.pty.send_stdin(handle.pid, b"echo $((40 + 2)); sleep 60\n")
    assert await screen.shows("42")
    await sandbox.pty.send_stdin(handle.pid, b"\x03")
    await sandbox.pty.send_stdin(handle.pid, b'echo "after $?"; exit 0\n')
    assert await screen.shows("after 130")
    await end


async def test_input_goes_where_it_belongs(sandbox):
    handle, end = await terminal(sandbox, Screen())
    with pytest.raises(e2b.SandboxException):
        await sandbox.commands.send_stdin(handle.pid, "x")
    await sandbox.pty.kill(handle.pid)
    with pytest.raises(CommandExitException):
        await end
    with pytest.raises(e2b.NotFoundException):
        await sandbox.pty.send_stdin(999_999, b"x")
    with pytest.raises(e2b.NotFoundException):
        await sandbox.pty.resize(999_999, PtySize(cols=1, rows=1))


@pytest.mark.since("2.60.0")
async def test_input_of_a_terminal_is_streamed(sandbox):
    screen = Screen()
    handle, end = await terminal(sandbox, screen)
    parts = [b"echo ", b"str", b"eam$((2", b" + 2))\n", b"exit\n"]
    if IS_ASYNC:
        stream = sandbox.pty.stream_input(handle.pid)
        for part in parts:
            await stream.send(part)
        await stream.close()
    else:
        await sandbox.pty.stream_input(handle.pid, parts)
    assert await screen.shows("stream4")
    await end
