"""A sandbox's life, as the control plane tells it."""

import asyncio
import datetime
import re
import uuid

import e2b
import pytest
from e2b import SandboxQuery, SandboxState

from flavours import IS_ASYNC, Sandbox

UNKNOWN = "i" + "0" * 20


def now():
    return datetime.datetime.now(datetime.timezone.utc)


async def ends(sandbox):
    """Waits until a sandbox has ended."""
    for _ in range(200):
        if not await sandbox.is_running():
            return True
        await asyncio.sleep(0.1)
    return False


@pytest.mark.routed
async def test_create_gives_a_running_sandbox(fresh):
    sandbox = await Sandbox.create()
    try:
        assert re.fullmatch("i[a-z0-9]{20}", sandbox.sandbox_id)
        assert await sandbox.is_running()
        assert (await sandbox.commands.run("echo hello")).stdout == "hello\n"
        info = await sandbox.get_info()
        assert info.sandbox_id == sandbox.sandbox_id
        assert "base" in (info.name, info.template_id)
        assert info.state == SandboxState.RUNNING
        assert info.metadata == {}
        assert (info.cpu_count, info.memory_mb) == (2, 1024)
        assert tuple(int(part) for part in info.envd_version.split(".")) >= (0, 6, 4)
        assert abs((now() - info.started_at).total_seconds()) < 60
        assert abs((info.end_at - info.started_at).total_seconds() - 300) < 10
    finally:
        assert await sandbox.kill()


async def test_create_takes_metadata_variables_and_a_timeout(fresh):
    sandbox = await fresh("claude", metadata={"a b": "c&d=e", "ü": "漢"}, envs={"A": "1", "B": "x y"}, timeout=600)
    info = await sandbox.get_info()
    assert info.metadata == {"a b": "c&d=e", "ü": "漢"}
    assert "claude" in (info.name, info.template_id)
    assert abs((info.end_at - info.started_at).total_seconds() - 600) < 10
    result = await sandbox.commands.run('echo "$A|$B|$E2B_SANDBOX|$E2B_SANDBOX_ID|$E2B_TEMPLATE_ID"')
    assert result.stdout.startswith(f"1|x y|true|{sandbox.sandbox_id}|")
    assert (await Sandbox.get_info(sandbox.sandbox_id)).metadata == info.metadata


@pytest.mark.parametrize("name", ["anthropic-claude-code", "claude-code-with-mcp"])
async def test_create_knows_other_names_of_claude(fresh, name):
    sandbox = await fresh(name)
    assert (await sandbox.commands.run("command -v claude")).exit_code == 0


async def test_create_refuses_an_unknown_template():
    with pytest.raises(e2b.SandboxException, match="not found"):
        await Sandbox.create("no-such-template")


@pytest.mark.parametrize("timeout", [-1, 10**9])
async def test_create_refuses_a_timeout_out_of_range(timeout):
    with pytest.raises(e2b.SandboxException, match="Timeout"):
        await Sandbox.create(timeout=timeout)


async def test_a_wrong_key_opens_nothing():
    wrong = "e2b_" + "0" * 40
    with pytest.raises(e2b.AuthenticationException):
        await Sandbox.create(api_key=wrong)
    with pytest.raises(e2b.AuthenticationException):
        await Sandbox.list(api_key=wrong).next_items()


@pytest.mark.since("2.60.0")
async def test_create_is_made_once_for_an_idempotency_key():
    key = str(uuid.uuid4())
    first = await Sandbox.create(timeout=60, idempotency_key=key)
    try:
        second = await Sandbox.create(timeout=60, idempotency_key=key)
        assert second.sandbox_id == first.sandbox_id
        assert (await second.commands.run("echo same")).stdout == "same\n"
        with pytest.raises(e2b.SandboxException) as refused:
            await Sandbox.create(timeout=61, idempotency_key=key)
        assert refused.value.status_code == 409
    finally:
        await first.kill()


@pytest.mark.routed
async def test_kill_ends_it_and_says_whether_there_was_one(fresh):
    sandbox = await fresh()
    assert await sandbox.kill()
    assert not await sandbox.kill()
    assert not await Sandbox.kill(UNKNOWN)
    assert not await sandbox.is_running()


async def test_what_is_gone_is_gone_for_every_call(fresh):
    sandbox = await fresh()
    await sandbox.kill()
    for call in [
        lambda: sandbox.get_info(),
        lambda: sandbox.set_timeout(10),
        lambda: sandbox.get_metrics(),
        lambda: Sandbox.connect(sandbox.sandbox_id),
        lambda: Sandbox.get_info(UNKNOWN),
    ]:
        with pytest.raises(e2b.SandboxNotFoundException):
            await call()
    gone = getattr(e2b, "SandboxNotRunningException", e2b.TimeoutException)
    for call in [
        lambda: sandbox.commands.run("true"),
        lambda: sandbox.commands.list(),
        lambda: sandbox.files.list("/"),
        lambda: sandbox.files.read("/etc/hostname"),
        lambda: sandbox.files.write("a", "b"),
    ]:
        with pytest.raises(gone):
            await call()


@pytest.mark.routed
async def test_a_kill_ends_what_is_waited_for(fresh):
    sandbox = await fresh()
    command = await sandbox.commands.run("sleep 60", background=True)
    waiting = asyncio.create_task(command.wait())
    await asyncio.sleep(0.2)
    await sandbox.kill()
    began = asyncio.get_running_loop().time()
    with pytest.raises(e2b.TimeoutException) as ended:
        await waiting
    assert asyncio.get_running_loop().time() - began < 20
    if hasattr(e2b, "SandboxNotRunningException"):
        assert isinstance(ended.value, e2b.SandboxNotRunningException)


async def test_a_timeout_can_be_moved_both_ways(fresh):
    sandbox = await fresh(timeout=60)
    await sandbox.set_timeout(600)
    assert 590 < ((await sandbox.get_info()).end_at - now()).total_seconds() < 610
    await Sandbox.set_timeout(sandbox.sandbox_id, 30)
    assert 20 < ((await sandbox.get_info()).end_at - now()).total_seconds() < 31


@pytest.mark.parametrize("seconds", [0, 1])
async def test_a_timeout_ends_it(fresh, seconds):
    sandbox = await fresh()
    await sandbox.set_timeout(seconds)
    assert await ends(sandbox)
    with pytest.raises(e2b.SandboxNotFoundException):
        await sandbox.get_info()
    assert sandbox.sandbox_id not in [one.sandbox_id for one in await Sandbox.list().next_items()]


@pytest.mark.routed
async def test_connect_gives_the_same_sandbox_and_never_shortens(fresh):
    sandbox = await fresh(timeout=600)
    await sandbox.files.write("note", "here")
    ends = (await sandbox.get_info()).end_at
    other = await Sandbox.connect(sandbox.sandbox_id, timeout=10)
    assert other.sandbox_id == sandbox.sandbox_id
    assert await other.files.read("note") == "here"
    assert (await other.get_info()).end_at == ends
    await other.connect(timeout=1200)
    assert (await other.get_info()).end_at > ends


async def test_a_sandbox_is_its_own_end():
    if IS_ASYNC:
        async with await e2b.AsyncSandbox.create() as sandbox:
            assert await sandbox.is_running()
        assert not await sandbox.is_running()
    else:
        with e2b.Sandbox.create() as sandbox:
            assert sandbox.is_running()
        assert not sandbox.is_running()


async def pages(**options):
    paginator, pages = Sandbox.list(**options), []
    while paginator.has_next:
        pages.append([one.sandbox_id for one in await paginator.next_items()])
    return pages


async def test_list_pages_through_what_fits(fresh):
    mark = uuid.uuid4().hex
    made = [(await fresh(metadata={"mark": mark, "a b": "c&d%2e"})).sandbox_id for _ in range(3)]
    mine = SandboxQuery(metadata={"mark": mark})
    newest = made[::-1]
    assert await pages(query=mine) == [newest]
    assert await pages(query=mine, limit=1) == [[one] for one in newest]
    assert await pages(query=mine, limit=2) == [newest[:2], newest[2:]]
    assert await pages(query=SandboxQuery(metadata={"mark": mark, "a b": "c&d%2e"})) == [newest]
    assert await pages(query=SandboxQuery(metadata={"mark": mark, "a b": "other"})) == [[]]
    assert await pages(query=SandboxQuery(metadata={"mark": mark}, state=[SandboxState.RUNNING])) == [newest]
    assert await pages(query=SandboxQuery(metadata={"mark": mark}, state=[SandboxState.PAUSED])) == [[]]


@pytest.mark.since("2.51.0")
async def test_list_sorts_and_filters(fresh):
    mark = uuid.uuid4().hex
    first = await fresh(metadata={"mark": mark})
    second = await fresh("claude", metadata={"mark": mark})
    both, metadata = [first.sandbox_id, second.sandbox_id], {"mark": mark}
    assert await pages(query=SandboxQuery(metadata=metadata), order="asc", limit=1) == [[one] for one in both]
    assert await pages(query=SandboxQuery(metadata=metadata), order="desc") == [both[::-1]]
    assert await pages(query=SandboxQuery(metadata=metadata, template="claude")) == [both[1:]]
    assert await pages(query=SandboxQuery(metadata=metadata, template="no-such-template")) == [[]]
    started = (await second.get_info()).started_at
    assert await pages(query=SandboxQuery(metadata=metadata, started_after=started)) == [both[1:]]


async def test_list_says_what_info_says(fresh):
    sandbox = await fresh(metadata={"mark": uuid.uuid4().hex})
    info = await sandbox.get_info()
    [listed] = await Sandbox.list(query=SandboxQuery(metadata=info.metadata)).next_items()
    for name in ["sandbox_id", "template_id", "name", "metadata", "started_at", "end_at", "state", "envd_version"]:
        assert getattr(listed, name) == getattr(info, name), name


async def test_a_paused_sandbox_goes_on_where_it_was(fresh):
    sandbox = await fresh()
    await sandbox.files.write("/home/user/note", "kept")
    command = await sandbox.commands.run("sleep 1000", background=True)
    boot = (await sandbox.commands.run("cat /proc/sys/kernel/random/boot_id")).stdout
    assert await sandbox.pause()
    assert not await sandbox.is_running()
    assert not await sandbox.pause()
    assert (await sandbox.get_info()).state == SandboxState.PAUSED
    paused = await Sandbox.list(query=SandboxQuery(state=[SandboxState.PAUSED])).next_items()
    assert sandbox.sandbox_id in [one.sandbox_id for one in paused]
    same = await sandbox.connect(timeout=200)
    assert same.sandbox_id == sandbox.sandbox_id
    # The handle of before is as good as the new one.
    for handle in [sandbox, same]:
        assert await handle.is_running()
        assert await handle.files.read("/home/user/note") == "kept"
        assert (await handle.commands.run("cat /proc/sys/kernel/random/boot_id")).stdout == boot
    assert command.pid in [process.pid for process in await same.commands.list()]
    assert abs(((await same.get_info()).end_at - now()).total_seconds() - 200) < 60


async def test_a_sandbox_paused_without_its_memory_boots(fresh):
    sandbox = await fresh(envs={"GREETING": "hello"}, lifecycle={"on_timeout": {"action": "pause", "keep_memory": False}})
    boots = set()
    for rest in [sandbox.pause(keep_memory=False), sandbox.set_timeout(0)]:
        await sandbox.files.write("/home/user/note", "kept")
        await sandbox.commands.run("sleep 1000", background=True)
        boots.add((await sandbox.commands.run("cat /proc/sys/kernel/random/boot_id")).stdout)
        await rest
        assert (await sandbox.get_info()).state == SandboxState.PAUSED
        await sandbox.connect(timeout=200)
        assert await sandbox.files.read("/home/user/note") == "kept"
        assert (await sandbox.commands.run("echo $GREETING")).stdout == "hello\n"
        assert not [process for process in await sandbox.commands.list() if "sleep" in process.cmd + str(process.args)]
    boots.add((await sandbox.commands.run("cat /proc/sys/kernel/random/boot_id")).stdout)
    assert len(boots) == 3


@pytest.mark.since("2.63.0")
async def test_a_sandbox_may_be_booted_though_its_memory_is_there(fresh):
    sandbox = await fresh()
    boot = (await sandbox.commands.run("cat /proc/sys/kernel/random/boot_id")).stdout
    assert await sandbox.pause()
    await sandbox.connect(timeout=200, on_resume="reboot")
    assert (await sandbox.commands.run("cat /proc/sys/kernel/random/boot_id")).stdout != boot


async def test_a_paused_sandbox_can_be_killed(fresh):
    sandbox = await fresh()
    assert await sandbox.pause()
    assert await sandbox.kill()
    with pytest.raises(e2b.SandboxNotFoundException):
        await Sandbox.connect(sandbox.sandbox_id)
    with pytest.raises(e2b.SandboxNotFoundException):
        await sandbox.pause()


async def test_a_sandbox_pauses_when_its_time_is_over_and_resumes_on_traffic(fresh):
    sandbox = await fresh(lifecycle={"on_timeout": "pause", "auto_resume": True})
    await sandbox.files.write("/home/user/note", "kept")
    await sandbox.set_timeout(0)
    assert (await sandbox.get_info()).state == SandboxState.PAUSED
    assert await sandbox.files.read("/home/user/note") == "kept"
    assert (await sandbox.get_info()).state == SandboxState.RUNNING
