"""Volumes, and the files in them, which no sandbox is needed for."""

import asyncio
import datetime
import io
import os
import uuid

import e2b
import pytest

from conftest import LOOP
from flavours import Sandbox, Volume, chunks, stand_in
from server import IS_TLS


@pytest.fixture
def volume():
    """One that is gone behind the test."""
    volume = LOOP.run_until_complete(Volume.create(f"test-{uuid.uuid4().hex[:12]}"))
    yield volume
    LOOP.run_until_complete(Volume.destroy(volume.volume_id))


def kinds(entries):
    return [(entry.path, entry.type.value) for entry in entries]


@pytest.mark.routed
async def test_a_volume_is_made_found_and_destroyed():
    name = f"test-{uuid.uuid4().hex[:12]}"
    volume = await Volume.create(name)
    try:
        assert volume.name == name and volume.token
        info = await Volume.get_info(volume.volume_id)
        assert (info.volume_id, info.name, info.token) == (volume.volume_id, name, volume.token)
        if IS_TLS:
            assert info.domain == os.environ["E2B_DOMAIN"]
        assert (volume.volume_id, name) in [(one.volume_id, one.name) for one in await Volume.list()]
        await volume.write_file("/note", "here")
        assert await (await Volume.connect(volume.volume_id)).read_file("/note") == "here"
        with pytest.raises(e2b.VolumeException, match=f"Volume with name '{name}' already exists"):
            await Volume.create(name)
    finally:
        assert await Volume.destroy(volume.volume_id)
    assert not await Volume.destroy(volume.volume_id)
    assert volume.volume_id not in [one.volume_id for one in await Volume.list()]
    for call in [lambda: Volume.get_info(volume.volume_id), lambda: Volume.connect(volume.volume_id)]:
        with pytest.raises(e2b.VolumeNotFoundException):
            await call()
    with pytest.raises(e2b.VolumePathNotFoundException):
        await volume.read_file("/note")


@pytest.mark.parametrize("name", ["", "a b", "../a", "ü", "a" * 129])
async def test_a_volume_is_refused_a_bad_name(name):
    with pytest.raises(e2b.VolumeException, match="name of a volume"):
        await Volume.create(name)


async def test_only_the_volumes_own_token_opens_its_files(volume, server):
    other = await Volume.create(f"test-{uuid.uuid4().hex[:12]}")
    try:
        for token in [other.token, "wrong", os.environ["E2B_API_KEY"]]:
            with pytest.raises(e2b.AuthenticationException):
                await volume.get_info("/", token=token)
        path = f"/volumecontent/{volume.volume_id}/path?path=%2F"
        for headers in [{}, {"Authorization": f"Basic {volume.token}"}]:
            refused = await server.call("GET", path, headers=headers)
            assert refused.status_code == 401
            assert refused.json()["code"] == "unauthorized" and refused.json()["message"]
        assert (await server.call("GET", path, key=None, headers={"Authorization": f"bearer {volume.token}"})).is_success
    finally:
        await Volume.destroy(other.volume_id)


@pytest.mark.routed
async def test_a_file_is_written_and_read_in_every_form(volume):
    binary = bytes(range(256)) * 5000
    for data, expected in [
        ("text ü 漢", "text ü 漢".encode()),
        (binary, binary),
        (io.BytesIO(binary), binary),
        (io.StringIO("ü" * 100_000), ("ü" * 100_000).encode()),
        ("", b""),
    ]:
        written = await volume.write_file("/file", data)
        assert written.size == len(expected) and written.type.value == "file"
        assert await volume.read_file("/file", format="bytes") == expected
        assert b"".join(await chunks(await volume.read_file("/file", format="stream"))) == expected
    await volume.write_file("/ü +&=%2F?#.txt", "strange")
    assert await volume.read_file("/ü +&=%2F?#.txt") == "strange"
    assert kinds(await volume.list("/")) == [("/file", "file"), ("/ü +&=%2F?#.txt", "file")]


async def test_a_file_is_described(volume):
    await volume.write_file("/d/file", "hello", mode=0o640, force=True)
    info = await volume.get_info("/d/file")
    assert (info.name, info.type.value, info.path, info.size, info.mode) == ("file", "file", "/d/file", 5, 0o640)
    assert info.target is None and isinstance(info.uid, int) and isinstance(info.gid, int)
    for time in [info.atime, info.mtime, info.ctime]:
        assert abs((datetime.datetime.now(datetime.timezone.utc) - time).total_seconds()) < 120
    assert await volume.exists("/d") and not await volume.exists("/d/none")
    assert (await volume.get_info("/")).type.value == "directory"


async def test_metadata_is_changed_where_that_is_possible(volume):
    await volume.write_file("/file", "x")
    assert (await volume.update_metadata("/file", mode=0o600)).mode == 0o600
    assert (await volume.update_metadata("/file")).mode == 0o600
    try:
        changed = await volume.update_metadata("/file", uid=1000, gid=1000)
        assert (changed.uid, changed.gid) == (1000, 1000)
    except e2b.VolumeException as refused:
        # A daemon that is not root.
        assert "403" in str(refused) and "no right to give files away" in str(refused)
    for wrong in [{"mode": 0o10000}, {"uid": -1}, {"gid": 2**32 - 1}]:
        with pytest.raises(e2b.VolumeException, match="400: '"):
            await volume.update_metadata("/file", **wrong)
    with pytest.raises(e2b.VolumePathNotFoundException):
        await volume.update_metadata("/none", mode=0o600)


async def test_directories_are_made_listed_and_removed(volume):
    made = await volume.make_dir("/a", mode=0o700)
    assert (made.type.value, made.path, made.mode) == ("directory", "/a", 0o700)
    with pytest.raises(e2b.VolumeException, match="409"):
        await volume.make_dir("/a")
    with pytest.raises(e2b.VolumePathNotFoundException):
        await volume.make_dir("/x/y")
    await volume.make_dir("/a", force=True)
    await volume.make_dir("/a/b/c", force=True)
    await volume.write_file("/a/file", "x")
    top = [("/a", "directory")]
    second = [("/a/b", "directory"), ("/a/file", "file")]
    assert kinds(await volume.list("/")) == top
    assert kinds(await volume.list("/a")) == second
    assert kinds(await volume.list("/", depth=2)) == top + second
    assert ("/a/b/c", "directory") in kinds(await volume.list("/", depth=3))
    for path in ["/none", "/a/file/x"]:
        with pytest.raises(e2b.VolumePathNotFoundException):
            await volume.list(path)
    for refused in [volume.list("/a/file"), volume.list("/", depth=0), volume.remove("/"), volume.read_file("/a")]:
        with pytest.raises(e2b.VolumeException, match="400"):
            await refused
    await volume.remove("/a")
    assert not await volume.exists("/a")
    with pytest.raises(e2b.VolumePathNotFoundException):
        await volume.remove("/a")


async def test_a_write_needs_a_directory_and_replaces_a_file(volume):
    with pytest.raises(e2b.VolumePathNotFoundException):
        await volume.write_file("/a/b/file", "x")
    await volume.write_file("/a/b/file", "first", force=True)
    for force in [None, True]:
        await volume.write_file("/a/b/file", f"then {force}", force=force)
        assert await volume.read_file("/a/b/file") == f"then {force}"
    with pytest.raises(e2b.VolumeException, match="is a directory"):
        await volume.write_file("/a/b", "x")


@pytest.mark.parametrize("way", ["/../../../../../..", "/a/../..", "../../../.."])
async def test_a_path_does_not_leave_the_volume(volume, way):
    name = f"martlet-test-{uuid.uuid4().hex[:12]}"
    assert (await volume.write_file(f"{way}/tmp/{name}", "mine", force=True)).path == f"/tmp/{name}"
    assert kinds(await volume.list("/", depth=2)) == [("/tmp", "directory"), (f"/tmp/{name}", "file")]
    assert not os.path.exists(f"/tmp/{name}")


async def test_what_is_wrong_is_said_in_the_form_of_this_api(volume, server):
    async def ask(method, path, **options):
        answer = await server.call(
            method,
            f"/volumecontent/{volume.volume_id}{path}",
            key=None,
            headers={"Authorization": f"Bearer {volume.token}"},
            **options,
        )
        if answer.is_error:
            assert isinstance(answer.json()["code"], str) and isinstance(answer.json()["message"], str)
        return answer.status_code

    assert await ask("GET", "/path") == 400
    assert await ask("GET", "/path?path=%00") == 400
    assert await ask("GET", "/path?path=%2Fnone") == 404
    assert await ask("POST", "/path?path=%2F") == 405
    assert await ask("PATCH", "/path?path=%2F", content=b"{") == 400
    assert await ask("PATCH", "/path?path=%2F", content=b'{"mode":"x"}') == 400
    assert await ask("PUT", "/file?path=%2Fa&mode=x", content=b"") == 400
    assert await ask("PUT", "/file?path=%2Fa&force=maybe", content=b"") == 400
    assert await ask("POST", "/dir?path=%2Fd") == 201
    assert await ask("DELETE", "/path?path=%2Fd") == 204


@pytest.fixture
def mounted(volume):
    """A sandbox that sees the volume at /mnt/v."""
    sandbox = LOOP.run_until_complete(Sandbox.create(volume_mounts={"/mnt/v": volume.name}, timeout=300))
    yield sandbox
    LOOP.run_until_complete(sandbox.kill())


async def run(sandbox, line, **options):
    return (await sandbox.commands.run(line, **options)).stdout


async def test_a_mounted_volume_is_the_same_inside_and_outside(volume, mounted):
    info = await mounted.get_info()
    assert [(mount["name"], mount["path"]) for mount in shown(info.volume_mounts)] == [(volume.name, "/mnt/v")]
    await volume.write_file("/from-outside", "ü" * 1000)
    assert await run(mounted, "cat /mnt/v/from-outside") == "ü" * 1000
    await run(mounted, "mkdir -p /mnt/v/a/b && echo inside > /mnt/v/a/b/note && chmod 640 /mnt/v/a/b/note")
    assert await volume.read_file("/a/b/note") == "inside\n"
    assert (await volume.get_info("/a/b/note")).mode == 0o640
    # And by the file calls of the sandbox, whose agent itself then waits for what it serves.
    await mounted.files.write("/mnt/v/a/by-agent", "x" * 300_000)
    assert len(await volume.read_file("/a/by-agent")) == 300_000
    assert sorted(entry.name for entry in await mounted.files.list("/mnt/v/a")) == ["b", "by-agent"]
    assert await run(mounted, "pwd", cwd="/mnt/v/a") == "/mnt/v/a\n"
    await volume.remove("/a")
    assert await run(mounted, "ls /mnt/v") == "from-outside\n"


def shown(mounts):
    return [mount if isinstance(mount, dict) else {"name": mount.name, "path": mount.path} for mount in mounts]


async def test_a_mounted_volume_is_a_file_system_for_programs(volume, mounted):
    program = """set -eu
cd /mnt/v
git init -q -b main repo && cd repo
git config user.email a@b && git config user.name a
for i in 1 2; do echo $i > file$i; done
git add . && git commit -qm one && test -z "$(git status --short)" && git fsck --strict
cd ..
cat > db.py <<'END'
import os, sqlite3
base = sqlite3.connect("data.db")
base.execute("create table t (n)")
with base: base.executemany("insert into t values (?)", [(n,) for n in range(1000)])
assert base.execute("select sum(n) from t").fetchone() == (499500,)
assert base.execute("pragma integrity_check").fetchone() == ("ok",)
gone = open("gone", "w+")
os.unlink("gone")
gone.write("still"); gone.seek(0)
assert gone.read() == "still"
os.mkdir("many")
for n in range(12): open(f"many/{n:03}", "w").close()
assert sorted(os.listdir("many")) == [f"{n:03}" for n in range(12)]
END
python3 db.py
head -c 1000000 /dev/urandom > /tmp/big && cp /tmp/big big && cmp /tmp/big big
mv big renamed && ! test -e big && cmp /tmp/big renamed
echo one > log && echo two >> log && ln log other && test "$(cat other)" = "one
two"
ln -s /etc/passwd out && grep -q root out
truncate -s 3 log && test "$(cat other)" = one
rm -r many repo && df /mnt/v > /dev/null
"""
    await mounted.files.write("/tmp/program", program)
    assert await run(mounted, "bash /tmp/program && echo done", timeout=110) == "done\n"
    # What leads to a file of the guest inside leads nowhere but into the volume outside.
    with pytest.raises(e2b.VolumePathNotFoundException):
        await volume.read_file("/out")
    assert len(await volume.read_file("/renamed", format="bytes")) == 1_000_000


async def test_two_sandboxes_see_each_others_files_in_a_volume(volume, mounted):
    other = await Sandbox.create(volume_mounts={"/home/user/deep/data": volume.name}, timeout=120)
    try:
        await run(mounted, "echo first > /mnt/v/shared")
        assert await run(other, "cat deep/data/shared") == "first\n"
        await run(other, "echo second, and longer > deep/data/new && mv deep/data/new deep/data/shared")
        assert await run(mounted, "cat /mnt/v/shared") == "second, and longer\n"
        await run(other, "rm deep/data/shared")
        assert await run(mounted, "ls -A /mnt/v") == ""
        # One that is killed in the middle of its work disturbs nobody.
        await other.commands.run("cat /dev/zero > deep/data/endless", background=True)
        for _ in range(100):
            if await volume.exists("/endless"):
                break
            await asyncio.sleep(0.1)
    finally:
        await other.kill()
    assert await volume.exists("/endless")
    assert await run(mounted, "rm /mnt/v/endless && echo fine > /mnt/v/after && cat /mnt/v/after") == "fine\n"


async def lines(volume, wanted=lambda lines: lines):
    """What the program below has written, when it is what is wanted."""
    for _ in range(200):
        have = (await volume.read_file("/log")).split() if await volume.exists("/log") else []
        if wanted(have):
            return have
        await asyncio.sleep(0.2)
    raise AssertionError(f"not wanted: {have[-5:]}")


async def test_a_mount_goes_on_after_a_pause_and_in_a_fork(volume, mounted):
    program = "exec 3>> /mnt/v/log; while true; do echo $((n += 1)) >&3; sleep 0.3; done"
    writer = await mounted.commands.run(program, background=True, timeout=0)
    first = await lines(volume)
    assert await mounted.pause()
    rests = await lines(volume)
    await volume.write_file("/meanwhile", "written in a pause")
    assert await lines(volume) == rests
    await mounted.connect(timeout=300)
    assert await run(mounted, "cat /mnt/v/meanwhile") == "written in a pause"
    # With what it had open before. An answer that was on its way is asked for again: a line may be there twice, none is missing.
    more = await lines(volume, lambda have: len(have) > len(rests) + 2)
    assert more[: len(rests)] == rests and sorted(set(map(int, more))) == list(range(1, int(more[-1]) + 1))
    assert first == rests[: len(first)]

    [fork] = [stand_in(one) for one in await mounted.fork(count=1, timeout=300)]
    try:
        assert shown((await fork.get_info()).volume_mounts) == [{"name": volume.name, "path": "/mnt/v"}]
        assert await run(fork, "cat /mnt/v/meanwhile && echo by the fork > /mnt/v/forked") == "written in a pause"
        assert await run(mounted, "cat /mnt/v/forked") == "by the fork\n"
        assert await mounted.commands.kill(writer.pid)
        # The fork's own goes on, in the same file.
        count = len(await lines(volume))
        await lines(volume, lambda have: len(have) > count + 2)
    finally:
        await fork.kill()
    ended = await lines(volume)
    assert await run(mounted, "cat /mnt/v/log") == "\n".join(ended) + "\n"

    # What goes on from a snapshot has the mount, and of the volume what it is given itself.
    snapshot = await mounted.create_snapshot()
    for path in ["/mnt/v", "/mnt/w", None]:
        mounts = {path: volume.name} if path else None
        other = await Sandbox.create(snapshot.snapshot_id, timeout=300, volume_mounts=mounts)
        try:
            seen = await run(other, f"cat {path or '/mnt/v'}/forked 2>&1 || true")
            assert ("by the fork\n" if path else "Input/output error") in seen
        finally:
            await other.kill()
    assert await Sandbox.delete_snapshot(snapshot.snapshot_id)


async def test_a_hostile_guest_reaches_its_volume_and_nothing_else(volume, mounted):
    other = await Volume.create(f"test-{uuid.uuid4().hex[:12]}")
    try:
        await other.write_file("/secret", "not yours")
        program = f"""
cd /mnt/v
mkdir d && echo mine > file
ln -s / root && ln -s ../../../../../../.. up && ln -s ../{other.volume_id} beside
ln -s {other.volume_id} d/named
ls .. > /dev/null
# What would be a device, a pipe, or a program with somebody's rights on the host.
! mknod disk b 254 0 && ! mknod null c 1 3 && ! mkfifo pipe
chmod 6755 file && chmod 1777 d
chown 0:0 file && test "$(stat -c %U file)" = user
! cat beside/secret && ! cat up/{other.volume_id}/secret
! mv file ../../../{other.volume_id}/taken
echo done
"""
        await mounted.files.write("/tmp/program", program)
        assert (await run(mounted, "bash /tmp/program 2> /dev/null", user="root")).endswith("done\n")
        assert (await volume.get_info("/file")).mode == 0o755
        assert (await volume.get_info("/d")).mode == 0o1777
        names = [entry.name for entry in await volume.list("/", depth=2)]
        assert sorted(names) == ["beside", "d", "file", "named", "root", "up"]
        for path in ["/root/etc/passwd", "/up/etc/passwd", "/beside/secret", "/d/named/secret"]:
            with pytest.raises(e2b.VolumePathNotFoundException):
                await volume.read_file(path)
        assert [entry.path for entry in await other.list("/")] == ["/secret"]
        assert await other.read_file("/secret") == "not yours"
    finally:
        await Volume.destroy(other.volume_id)


async def test_a_volume_that_is_removed_is_gone_inside():
    volume = await Volume.create(f"test-{uuid.uuid4().hex[:12]}")
    sandbox = await Sandbox.create(volume_mounts={"/mnt/v": volume.name}, timeout=120)
    try:
        await run(sandbox, "echo x > /mnt/v/note")
        assert await Volume.destroy(volume.volume_id)
        assert "Input/output error" in await run(sandbox, "cat /mnt/v/note 2>&1 || true")
        assert await run(sandbox, "echo alive") == "alive\n"
    finally:
        await sandbox.kill()


@pytest.mark.parametrize("mounts, words", [
    ({"/mnt/v": "no-such-volume"}, "404: .*'no-such-volume' not found"),
    ({"relative": None}, "400: .*'relative'"),
    ({"/": None}, "400: .*'/'"),
    ({"/proc/x": None}, "400: .*'/proc/x'"),
    ({"/mnt/../etc": None}, "400: "),
    ({"/mnt/v": None, "/mnt/w": None}, "400: .*twice"),
])
async def test_a_volume_is_refused_where_it_can_not_be(volume, mounts, words):
    with pytest.raises(e2b.SandboxException, match=words):
        await Sandbox.create(volume_mounts={path: name or volume.name for path, name in mounts.items()})
