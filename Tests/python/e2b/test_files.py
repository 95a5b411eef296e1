"""Files: `sandbox.files`."""

import datetime
import io
import uuid

import e2b
import pytest
from e2b import FileType

from flavours import IS_ASYNC, chunks


@pytest.mark.routed
async def test_what_is_written_is_read(sandbox, place):
    info = await sandbox.files.write(f"{place}/deep/a.txt", "hello ü\n")
    assert (info.name, info.type, info.path) == ("a.txt", FileType.FILE, f"{place}/deep/a.txt")
    assert await sandbox.files.read(info.path) == "hello ü\n"
    assert bytes(await sandbox.files.read(info.path, format="bytes")) == "hello ü\n".encode()
    assert b"".join(await chunks(await sandbox.files.read(info.path, format="stream"))) == "hello ü\n".encode()
    await sandbox.files.write(info.path, "less")
    assert await sandbox.files.read(info.path) == "less"


@pytest.mark.routed
@pytest.mark.parametrize("options", [{}, {"use_octet_stream": True}, {"gzip": True}], ids=["form", "octets", "gzip"])
async def test_every_byte_arrives(sandbox, place, options):
    body = bytes(range(256)) * 8192 + b"end"
    await sandbox.files.write(f"{place}/bytes", body, **options)
    assert bytes(await sandbox.files.read(f"{place}/bytes", format="bytes")) == body
    assert bytes(await sandbox.files.read(f"{place}/bytes", format="bytes", gzip=True)) == body
    assert b"".join(await chunks(await sandbox.files.read(f"{place}/bytes", format="stream"))) == body


@pytest.mark.parametrize("options", [{}, {"use_octet_stream": True}, {"gzip": True}], ids=["form", "octets", "gzip"])
async def test_an_empty_file_is_a_file(sandbox, place, options):
    await sandbox.files.write(f"{place}/empty", b"", **options)
    assert await sandbox.files.read(f"{place}/empty") == ""
    assert (await sandbox.files.get_info(f"{place}/empty")).size == 0


async def test_files_and_streams_are_sent_as_they_are_read(sandbox, place):
    body = b"0123456789" * 100_000
    await sandbox.files.write(f"{place}/file", io.BytesIO(body))
    assert bytes(await sandbox.files.read(f"{place}/file", format="bytes")) == body


@pytest.mark.since("2.60.0")
async def test_iterables_are_sent_as_they_are_made(sandbox, place):
    if IS_ASYNC:
        async def parts():
            for number in range(1000):
                yield f"{number}\n".encode()
    else:
        def parts():
            for number in range(1000):
                yield f"{number}\n".encode()
    await sandbox.files.write(f"{place}/parts", parts())
    assert await sandbox.files.read(f"{place}/parts") == "".join(f"{number}\n" for number in range(1000))


async def test_many_files_are_written_at_once(sandbox, place):
    names = ["a.txt", "b/b.txt", "c/d/e ü.txt"]
    written = await sandbox.files.write_files([{"path": f"{place}/{name}", "data": name} for name in names])
    assert [info.path for info in written] == [f"{place}/{name}" for name in names]
    for name in names:
        assert await sandbox.files.read(f"{place}/{name}") == name
    assert await sandbox.files.write_files([]) == []
    written = await sandbox.files.write_files(
        [{"path": f"{place}/{name}", "data": name.encode() * 2} for name in names], use_octet_stream=True
    )
    assert [info.name for info in written] == ["a.txt", "b.txt", "e ü.txt"]
    assert await sandbox.files.read(f"{place}/b/b.txt") == "b/b.txt" * 2


async def test_files_belong_to_the_user_who_wrote_them(sandbox, place):
    await sandbox.files.write(f"{place}/mine/a", "a")
    await sandbox.files.write(f"/root/{uuid.uuid4().hex}/a", "a", user="root")
    shown = await sandbox.commands.run(f"stat -c '%U %G %a' {place}/mine {place}/mine/a")
    assert shown.stdout == "user user 755\nuser user 644\n"
    assert (await sandbox.commands.run("stat -c %U /root/*/a | sort -u", user="root")).stdout == "root\n"
    with pytest.raises(e2b.AuthenticationException, match="nobody-here"):
        await sandbox.files.write("a", "a", user="nobody-here")
    with pytest.raises(e2b.AuthenticationException, match="nobody-here"):
        await sandbox.files.list("/", user="nobody-here")


async def test_relative_paths_begin_at_home(sandbox):
    name = uuid.uuid4().hex
    assert (await sandbox.files.write(name, "x")).path == f"/home/user/{name}"
    for path in [name, f"~/{name}", f"/home/user/../user/{name}"]:
        assert await sandbox.files.read(path) == "x"
    assert (await sandbox.files.write(f"~/{name}", "y", user="root")).path == f"/root/{name}"
    assert (await sandbox.files.get_info(name)).path == f"/home/user/{name}"
    assert name in [entry.name for entry in await sandbox.files.list("~")]


async def test_what_is_not_there_is_not_found(sandbox, place):
    for call in [
        lambda: sandbox.files.read(place),
        lambda: sandbox.files.read(place, format="stream"),
        lambda: sandbox.files.get_info(place),
        lambda: sandbox.files.list(place),
        lambda: sandbox.files.rename(place, f"{place}-2"),
    ]:
        with pytest.raises(e2b.FileNotFoundException, match=place):
            await call()
    assert not await sandbox.files.exists(place)
    await sandbox.files.remove(place)


async def test_a_directory_is_no_file(sandbox, place):
    assert await sandbox.files.make_dir(place)
    with pytest.raises(e2b.InvalidArgumentException, match="is a directory"):
        await sandbox.files.read(place)
    with pytest.raises(e2b.InvalidArgumentException):
        await sandbox.files.write(place, "x")
    await sandbox.files.write(f"{place}/file", "x")
    with pytest.raises(e2b.InvalidArgumentException):
        await sandbox.files.list(f"{place}/file")
    with pytest.raises(e2b.InvalidArgumentException):
        await sandbox.files.make_dir(f"{place}/file")


async def test_files_of_the_kernel_are_read_to_their_end(sandbox):
    boot = await sandbox.files.read("/proc/sys/kernel/random/boot_id")
    assert len(boot.strip()) == 36
    assert "MemTotal" in await sandbox.files.read("/proc/meminfo")


@pytest.mark.routed
async def test_an_entry_says_all_about_a_file(sandbox, place):
    await sandbox.files.write(f"{place}/a.sh", "12345")
    await sandbox.commands.run(f"cd {place} && chmod 750 a.sh && ln -s a.sh link && ln -s /nowhere broken && mkdir sub")
    entry = await sandbox.files.get_info(f"{place}/a.sh")
    assert (entry.name, entry.type, entry.path, entry.size) == ("a.sh", FileType.FILE, f"{place}/a.sh", 5)
    assert (entry.mode, entry.permissions, entry.owner, entry.group) == (0o750, "-rwxr-x---", "user", "user")
    assert entry.symlink_target is None
    age = datetime.datetime.now(datetime.timezone.utc) - entry.modified_time.astimezone(datetime.timezone.utc)
    assert abs(age.total_seconds()) < 60
    entry = await sandbox.files.get_info(f"{place}/sub")
    assert (entry.type, entry.permissions) == (FileType.DIR, "drwxr-xr-x") and entry.size > 0
    entry = await sandbox.files.get_info(f"{place}/link")
    assert (entry.type, entry.symlink_target) == (FileType.FILE, f"{place}/a.sh")
    assert await sandbox.files.exists(f"{place}/broken") and await sandbox.files.exists(place)


async def test_a_list_is_in_order_and_as_deep_as_asked(sandbox, place):
    for name in ["subdir2/z", "file1", "subdir1/subdir1_1/deep", "subdir1/a"]:
        await sandbox.files.write(f"{place}/{name}", name)

    async def names(**options):
        return [entry.path.removeprefix(f"{place}/") for entry in await sandbox.files.list(place, **options)]

    assert await names() == ["file1", "subdir1", "subdir2"]
    two = ["file1", "subdir1", "subdir1/a", "subdir1/subdir1_1", "subdir2", "subdir2/z"]
    assert await names(depth=2) == two
    assert await names(depth=3) == two[:4] + ["subdir1/subdir1_1/deep"] + two[4:]
    with pytest.raises(e2b.InvalidArgumentException):
        await sandbox.files.list(place, depth=0)
    await sandbox.commands.run(f"ln -s {place} {place}/subdir2/around")
    assert len(await names(depth=9)) == 8


async def test_directories_are_made_once(sandbox, place):
    assert await sandbox.files.make_dir(f"{place}/a/b")
    assert not await sandbox.files.make_dir(f"{place}/a/b")
    assert (await sandbox.commands.run(f"stat -c '%U %a' {place}/a {place}/a/b")).stdout == "user 755\nuser 755\n"


async def test_rename_and_remove(sandbox, place):
    await sandbox.files.write(f"{place}/a", "a")
    moved = await sandbox.files.rename(f"{place}/a", f"{place}/new/b")
    assert (moved.name, moved.path, moved.type) == ("b", f"{place}/new/b", FileType.FILE)
    assert not await sandbox.files.exists(f"{place}/a") and await sandbox.files.read(moved.path) == "a"
    await sandbox.files.rename(f"{place}/new", f"{place}/newer")
    await sandbox.files.remove(f"{place}/newer/b")
    assert await sandbox.files.list(f"{place}/newer") == []
    await sandbox.files.remove(place)
    assert not await sandbox.files.exists(place)


@pytest.mark.parametrize("options", [{}, {"use_octet_stream": True}, {"gzip": True}], ids=["form", "octets", "gzip"])
async def test_metadata_stays_with_a_file(sandbox, place, options):
    path = f"{place}/a"
    written = await sandbox.files.write(path, "a", metadata={"origin": "me", "Second": "x=1; y"}, **options)
    wanted = {"origin": "me", "second": "x=1; y"}
    assert written.metadata == wanted
    assert (await sandbox.files.get_info(path)).metadata == wanted
    assert [entry.metadata for entry in await sandbox.files.list(place)] == [wanted]
    moved = await sandbox.files.rename(path, f"{path}-2")
    assert moved.metadata == wanted
    assert (await sandbox.files.write(moved.path, "b", metadata={"only": "this"})).metadata == {"only": "this"}
    assert not (await sandbox.files.write(moved.path, "c")).metadata
    assert not (await sandbox.files.get_info(moved.path)).metadata


async def test_metadata_of_the_inside_is_seen_outside(sandbox, place):
    await sandbox.files.write(f"{place}/a", "a")
    script = f"import os; os.setxattr('{place}/a', 'user.e2b.inside', b'yes'); os.setxattr('{place}/a', 'user.other', b'no')"
    await sandbox.commands.run(f'python3 -c "{script}"')
    assert (await sandbox.files.get_info(f"{place}/a")).metadata == {"inside": "yes"}


async def test_metadata_has_a_limit(sandbox, place):
    with pytest.raises(e2b.InvalidArgumentException):
        await sandbox.files.write(f"{place}/a", "a", metadata={"k": "v" * 5000})


async def test_a_full_disk_is_told(sandbox, place):
    await sandbox.commands.run(f"mkdir -p {place} && mount -t tmpfs -o size=64k,mode=777 tmpfs {place}", user="root")
    try:
        for options in [{}, {"use_octet_stream": True}]:
            with pytest.raises(e2b.NotEnoughSpaceException):
                await sandbox.files.write(f"{place}/large", b"x" * 1_000_000, **options)
    finally:
        await sandbox.commands.run(f"umount {place}", user="root")


async def test_odd_names_are_names(sandbox, place):
    for name in ["a b", "ü漢", "a%2Fb", "a+b&c=d?e#f", "'quotes\"", "-dash", "new\nline"]:
        path = f"{place}/{name}"
        await sandbox.files.write(path, name)
        assert await sandbox.files.read(path) == name
        assert (await sandbox.files.get_info(path)).name == name
    assert len(await sandbox.files.list(place)) == 7
