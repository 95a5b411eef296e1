"""What happens in a directory: `sandbox.files.watch_dir`."""

import e2b
import pytest

from flavours import Watch


@pytest.mark.routed
async def test_a_new_file_is_three_events(sandbox, place):
    await sandbox.files.make_dir(place)
    async with Watch(sandbox, place) as watch:
        await sandbox.files.write(f"{place}/a.txt", "hello")
        events = await watch.events(lambda events: len(events) >= 3)
        assert events == [("create", "a.txt"), ("chmod", "a.txt"), ("write", "a.txt")]


async def test_every_kind_of_event_is_told(sandbox, place):
    await sandbox.files.write(f"{place}/a", "a")
    async with Watch(sandbox, place) as watch:
        await sandbox.commands.run(f"cd {place} && echo b >> a && chmod 600 a && mv a b && rm b && mkdir c")
        events = await watch.events(lambda events: ("create", "c") in [(e.type.value, e.name) for e in events])
        for event in [("write", "a"), ("chmod", "a"), ("rename", "a"), ("remove", "b"), ("create", "c")]:
            assert event in events, event


async def test_only_a_recursive_watch_looks_below(sandbox, place):
    await sandbox.files.make_dir(f"{place}/sub")
    async with Watch(sandbox, place) as watch:
        await sandbox.files.write(f"{place}/sub/hidden", "x")
        await sandbox.files.write(f"{place}/seen", "x")
        events = await watch.events(lambda events: "seen" in [event.name for event in events])
        assert not any("hidden" in name for _, name in events)
    async with Watch(sandbox, place, recursive=True) as watch:
        await sandbox.files.write(f"{place}/sub/shown", "x")
        assert ("create", "sub/shown") in await watch.events()


async def test_a_recursive_watch_follows_new_directories(sandbox, place):
    await sandbox.files.make_dir(place)
    async with Watch(sandbox, place, recursive=True) as watch:
        await sandbox.files.write(f"{place}/new/deeper/file", "x")
        events = await watch.events(lambda events: "new/deeper/file" in [event.name for event in events])
        assert ("create", "new") in events
        assert any(name == "new/deeper/file" for _, name in events)
        await sandbox.files.write(f"{place}/new/deeper/later", "x")
        events = await watch.events(lambda events: "new/deeper/later" in [event.name for event in events])
        assert ("create", "new/deeper/later") in events


async def test_entries_come_with_events_when_asked_for(sandbox, place):
    await sandbox.files.make_dir(place)
    async with Watch(sandbox, place, include_entry=True) as watch:
        await sandbox.files.write(f"{place}/a", "12345")
        await watch.events(lambda events: len(events) >= 3)
        created = watch.seen[0]
        assert (created.entry.path, created.entry.owner) == (f"{place}/a", "user")
        assert watch.seen[-1].entry.size == 5
    async with Watch(sandbox, place) as watch:
        await sandbox.files.write(f"{place}/b", "x")
        await watch.events()
        assert watch.seen[0].entry is None


async def test_a_watch_ends_when_it_is_stopped(sandbox, place):
    await sandbox.files.make_dir(place)
    async with Watch(sandbox, place) as watch:
        pass
    await sandbox.files.write(f"{place}/late", "x")
    assert watch.seen == []


async def test_only_directories_are_watched(sandbox, place):
    with pytest.raises(e2b.FileNotFoundException):
        async with Watch(sandbox, place):
            pass
    await sandbox.files.write(f"{place}/file", "x")
    with pytest.raises(e2b.SandboxException):
        async with Watch(sandbox, f"{place}/file"):
            pass
