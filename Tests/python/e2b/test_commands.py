"""Commands: e2b-wire's process service through `sandbox.commands`."""

import asyncio
import os

import e2b
import pytest
from e2b import CommandExitException

from flavours import IS_ASYNC


async def gone(sandbox, pid):
    """Waits until there is no process of this number."""
    for _ in range(200):
        if (await sandbox.commands.run(f"kill -0 {pid} 2>/dev/null || echo gone", user="root")).stdout:
            return True
        await asyncio.sleep(0.05)
    return False


@pytest.mark.routed
async def test_run_gives_output_and_status(sandbox):
    result = await sandbox.commands.run("echo out; echo err >&2")
    assert (result.stdout, result.stderr, result.exit_code, result.error) == ("out\n", "err\n", 0, None)


async def test_run_raises_what_a_failing_command_said(sandbox):
    with pytest.raises(CommandExitException) as failed:
        await sandbox.commands.run("echo out; echo err >&2; exit 3")
    error = failed.value
    assert (error.stdout, error.stderr, error.exit_code) == ("out\n", "err\n", 3)
    assert error.error == "exit status 3"


async def test_run_tells_a_signal_from_a_status(sandbox):
    with pytest.raises(CommandExitException) as failed:
        await sandbox.commands.run("kill -KILL $$")
    assert failed.value.exit_code == -1
    assert failed.value.error == "signal: killed"
    with pytest.raises(CommandExitException) as failed:
        await sandbox.commands.run("no-such-command")
    assert failed.value.exit_code == 127


async def test_run_is_a_login_shell_of_the_user(sandbox):
    result = await sandbox.commands.run('shopt -q login_shell && echo "$(id -un)|$HOME|$USER|$LOGNAME|$PWD"')
    assert result.stdout == "user|/home/user|user|user|/home/user\n"
    result = await sandbox.commands.run('echo "$(id -un)|$HOME|$USER"', user="root")
    assert result.stdout == "root|/root|root\n"
    assert "/usr/bin" in (await sandbox.commands.run("echo $PATH")).stdout
    assert (await sandbox.commands.run("sudo -n id -u")).stdout == "0\n"


async def test_run_takes_a_directory_and_variables(sandbox):
    result = await sandbox.commands.run('echo "$PWD|$A|$B"', cwd="/tmp", envs={"A": "1", "B": "x 'y' \"z\" $HOME"})
    assert result.stdout == "/tmp|1|x 'y' \"z\" $HOME\n"
    assert (await sandbox.commands.run('echo "|$A|"')).stdout == "||\n"


async def test_run_refuses_what_is_not_there(sandbox):
    with pytest.raises(e2b.InvalidArgumentException, match="cwd '/no/such' does not exist"):
        await sandbox.commands.run("true", cwd="/no/such")
    with pytest.raises(e2b.AuthenticationException, match="invalid username: 'nobody-here'"):
        await sandbox.commands.run("true", user="nobody-here")


async def test_run_tells_output_as_it_comes(sandbox):
    out, err = [], []
    result = await sandbox.commands.run(
        "echo one; read -t 0.3 < <(sleep 1); echo two >&2; read -t 0.3 < <(sleep 1); echo three",
        on_stdout=out.append,
        on_stderr=err.append,
    )
    assert (out, err) == (["one\n", "three\n"], ["two\n"])
    assert result.stdout == "one\nthree\n"
    out = []
    await sandbox.commands.run("echo 'Hello, World!'", on_stdout=out.append)
    assert out[0] == "Hello, World!\n"


async def test_output_is_decoded_across_its_chunks(sandbox):
    script = "import sys; sys.stdout.buffer.write(b'a' * 8191 + '漢'.encode() * 4000 + b'\\xe2')"
    result = await sandbox.commands.run(f'python3 -c "{script}"')
    assert result.stdout == "a" * 8191 + "漢" * 4000 + "\ufffd"


async def test_output_is_whole_when_it_is_large(sandbox):
    result = await sandbox.commands.run("head -c 3000000 /dev/zero | tr '\\0' x; head -c 100000 /dev/zero | tr '\\0' y >&2")
    assert result.stdout == "x" * 3_000_000
    assert result.stderr == "y" * 100_000


async def test_output_of_a_binary_is_no_error(sandbox):
    result = await sandbox.commands.run("head -c 1000 /dev/urandom")
    assert result.exit_code == 0 and result.stdout


async def test_a_background_command_is_listed_connected_to_and_killed(sandbox):
    command = await sandbox.commands.run("echo begun; sleep 60", background=True, envs={"A": "1"}, cwd="/tmp")
    listed = {one.pid: one for one in await sandbox.commands.list()}
    one = listed[command.pid]
    assert (one.cmd, one.args[-1], one.cwd) == ("/bin/bash", "echo begun; sleep 60", "/tmp")
    assert one.envs["A"] == "1"
    assert (await sandbox.commands.run(f"kill -0 {command.pid} && echo runs")).stdout == "runs\n"
    other = await sandbox.commands.connect(command.pid)
    assert other.pid == command.pid
    assert await sandbox.commands.kill(command.pid)
    for handle in [command, other]:
        with pytest.raises(CommandExitException) as ended:
            await handle.wait()
        assert ended.value.exit_code != 0
    assert await gone(sandbox, command.pid)
    assert not await sandbox.commands.kill(command.pid)
    assert command.pid not in [one.pid for one in await sandbox.commands.list()]


async def test_a_handle_kills_what_it_is_of(sandbox):
    command = await sandbox.commands.run("sleep 60", background=True)
    assert await command.kill()
    with pytest.raises(CommandExitException) as ended:
        await command.wait()
    assert ended.value.exit_code == -1 and ended.value.error == "signal: killed"


async def test_a_kill_ends_the_output_that_a_grandchild_holds(sandbox):
    command = await sandbox.commands.run("sleep 100 & wait", background=True)
    await asyncio.sleep(0.3)
    await command.kill()
    with pytest.raises(CommandExitException):
        await asyncio.wait_for(command.wait(), 30)


async def test_unknown_commands_are_not_found(sandbox):
    assert not await sandbox.commands.kill(999_999)
    for call in [
        lambda: sandbox.commands.connect(999_999),
        lambda: sandbox.commands.send_stdin(999_999, "x"),
        lambda: sandbox.commands.close_stdin(999_999),
    ]:
        with pytest.raises(e2b.NotFoundException, match="999999 not found"):
            await call()


async def test_a_client_that_goes_away_ends_nothing(sandbox):
    command = await sandbox.commands.run("read line; echo got $line; exit 5", background=True, stdin=True)
    await command.disconnect()
    other = await sandbox.commands.connect(command.pid)
    await sandbox.commands.send_stdin(command.pid, "it\n")
    with pytest.raises(CommandExitException) as ended:
        await other.wait()
    assert (ended.value.stdout, ended.value.exit_code) == ("got it\n", 5)


async def test_the_end_of_a_command_is_known_for_a_while(sandbox):
    command = await sandbox.commands.run("exit 7", background=True)
    with pytest.raises(CommandExitException):
        await command.wait()
    late = await sandbox.commands.connect(command.pid)
    with pytest.raises(CommandExitException) as ended:
        await late.wait()
    assert ended.value.exit_code == 7


async def test_every_subscriber_sees_the_output(sandbox):
    command = await sandbox.commands.run("read line; echo $line", background=True, stdin=True)
    others = [await sandbox.commands.connect(command.pid) for _ in range(3)]
    await sandbox.commands.send_stdin(command.pid, "to all\n")
    for handle in [command, *others]:
        assert (await handle.wait()).stdout == "to all\n"


async def test_standard_input_is_written_and_closed(sandbox):
    command = await sandbox.commands.run("cat; echo end", background=True, stdin=True)
    await sandbox.commands.send_stdin(command.pid, "first\n")
    await sandbox.commands.send_stdin(command.pid, "zweites ü\n")
    await sandbox.commands.close_stdin(command.pid)
    assert (await command.wait()).stdout == "first\nzweites ü\nend\n"


async def test_standard_input_is_empty_unless_asked_for(sandbox):
    assert (await sandbox.commands.run("cat; echo end", timeout=30)).stdout == "end\n"


@pytest.mark.since("2.60.0")
async def test_standard_input_is_streamed(sandbox):
    command = await sandbox.commands.run("cat", background=True, stdin=True)
    parts = [f"{number} ü\n" for number in range(200)]
    if IS_ASYNC:
        stream = sandbox.commands.stream_input(command.pid)
        for part in parts:
            await stream.send(part)
        await stream.close()
    else:
        await sandbox.commands.stream_input(command.pid, parts)
    await sandbox.commands.close_stdin(command.pid)
    assert (await command.wait()).stdout == "".join(parts)


async def test_a_timeout_ends_the_command(sandbox):
    with pytest.raises(e2b.TimeoutException):
        await sandbox.commands.run("echo $$ > /tmp/timed; exec sleep 61", timeout=1)
    pid = int(await sandbox.files.read("/tmp/timed"))
    assert await gone(sandbox, pid)
    command = await sandbox.commands.run("sleep 62", background=True, timeout=1)
    with pytest.raises(e2b.TimeoutException):
        await command.wait()
    assert await gone(sandbox, command.pid)


async def test_no_timeout_is_no_limit(sandbox):
    command = await sandbox.commands.run("read line", background=True, timeout=0, stdin=True)
    await sandbox.commands.send_stdin(command.pid, "\n")
    assert (await command.wait()).exit_code == 0


async def test_many_commands_run_at_once(sandbox):
    results = await asyncio.gather(*[sandbox.commands.run(f"echo {number}") for number in range(20)])
    assert [result.stdout for result in results] == [f"{number}\n" for number in range(20)]


@pytest.mark.since("2.60.0")
async def test_output_need_not_be_kept(sandbox):
    out = []
    result = await sandbox.commands.run("echo out", on_stdout=out.append, retain_output=False)
    assert (result.stdout, out) == (None, ["out\n"])


async def test_processes_are_reaped(sandbox):
    await sandbox.commands.run("for i in 1 2 3; do (sleep 0.1 &); done")
    await asyncio.sleep(0.5)
    assert "defunct" not in (await sandbox.commands.run("ps -ef")).stdout
