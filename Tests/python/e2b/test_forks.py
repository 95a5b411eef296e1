"""Sandboxes that go on from where another one is."""

import asyncio
import inspect
import uuid

import e2b
import pytest

from flavours import Sandbox, stand_in


@pytest.fixture
def forked():
    """Forks a sandbox; the forks are gone behind the test."""
    made = []

    async def fork(sandbox, **options):
        made.extend(stand_in(one) for one in await sandbox.fork(**options))
        return made

    yield fork
    from conftest import LOOP

    for sandbox in made:
        LOOP.run_until_complete(sandbox.kill())


async def test_forks_have_what_was_there_and_are_their_own(fresh, forked):
    sandbox = await fresh(envs={"TOLD": "before"}, metadata={"of": "mine"})
    await sandbox.files.write("said", "before")
    counter = await sandbox.commands.run("while true; do echo $((n += 1)) > counted; sleep 0.2; done", background=True)
    one, other = await forked(sandbox, count=2, timeout=300)
    assert len({sandbox.sandbox_id, one.sandbox_id, other.sandbox_id}) == 3
    for fork in (one, other):
        assert await fork.files.read("said") == "before"
        assert (await fork.commands.run("echo $TOLD $E2B_SANDBOX_ID")).stdout == f"before {fork.sandbox_id}\n"
        assert counter.pid in [process.pid for process in await fork.commands.list()]
        assert (await fork.get_info()).metadata == {"of": "mine"}
    # Each counts on by itself.
    had = await one.files.read("counted")
    for _ in range(300):
        if await one.files.read("counted") not in (had, ""):
            break
        await asyncio.sleep(0.2)
    assert await one.files.read("counted") != had
    await one.files.write("said", "by one")
    assert await other.files.read("said") == await sandbox.files.read("said") == "before"
    rolled = {(await fork.commands.run("cat /proc/sys/kernel/random/uuid")).stdout for fork in (sandbox, one, other)}
    assert len(rolled) == 3


async def test_forks_are_refused_by_class(fresh):
    sandbox = await fresh()
    # The newer one sees it itself, and has a class for that.
    with pytest.raises(e2b.SandboxException):
        await sandbox.fork(count=21)
    await sandbox.kill()
    with pytest.raises(e2b.SandboxNotFoundException):
        await sandbox.fork()
    with pytest.raises(e2b.SandboxNotFoundException):
        await Sandbox.fork(sandbox.sandbox_id)


async def test_snapshots_are_made_sandboxes_of(fresh):
    sandbox = await fresh(envs={"TOLD": "before"})
    await sandbox.files.write("said", "before")
    command = await sandbox.commands.run("sleep 1000", background=True)
    name = f"kept-{uuid.uuid4().hex[:8]}"
    snapshot = await sandbox.create_snapshot(name=name)
    assert snapshot.snapshot_id == f"local/{name}:default" and snapshot.names == [f"local/{name}"]
    await sandbox.files.write("said", "later")
    other = await fresh(template=snapshot.snapshot_id, envs={"ADDED": "then"})
    assert await other.files.read("said") == "before"
    told = await other.commands.run("echo $TOLD $ADDED $E2B_SANDBOX_ID")
    assert told.stdout == f"before then {other.sandbox_id}\n"
    assert command.pid in [process.pid for process in await other.commands.list()]
    assert await sandbox.files.read("said") == "later"
    listed = await Sandbox.list_snapshots(sandbox_id=sandbox.sandbox_id).next_items()
    assert [one.snapshot_id for one in listed] == [snapshot.snapshot_id]
    assert await Sandbox.delete_snapshot(snapshot.snapshot_id)
    assert not await Sandbox.delete_snapshot(snapshot.snapshot_id)


async def test_snapshots_of_the_files_alone_are_booted(fresh):
    sandbox = await fresh(envs={"TOLD": "before"})
    if "mode" not in inspect.signature(sandbox.create_snapshot).parameters:
        pytest.skip("this version of the SDK has no such snapshots")
    await sandbox.files.write("said", "before")
    await sandbox.commands.run("echo memory > /dev/shm/said")
    command = await sandbox.commands.run("sleep 1000", background=True)
    snapshot = await sandbox.create_snapshot(mode="filesystem")
    await sandbox.files.write("said", "later")
    other = await fresh(template=snapshot.snapshot_id, envs={"ADDED": "then"})
    assert await other.files.read("said") == "before"
    assert not await other.files.exists("/dev/shm/said")
    told = await other.commands.run("echo $TOLD $ADDED $E2B_SANDBOX_ID; hostname")
    assert told.stdout == f"before then {other.sandbox_id}\n{other.sandbox_id}\n"
    assert command.pid not in [process.pid for process in await other.commands.list()]
    # It went on meanwhile, and both are like any other.
    assert command.pid in [process.pid for process in await sandbox.commands.list()]
    assert await sandbox.files.read("said") == "later"
    await other.pause()
    await other.connect()
    assert await other.files.read("said") == "before"
    assert await Sandbox.delete_snapshot(snapshot.snapshot_id)
