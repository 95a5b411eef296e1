"""Volumes, and the files in them, which no sandbox is needed for."""

import datetime
import io
import os
import uuid

import e2b
import pytest

from conftest import LOOP
from flavours import Sandbox, Volume, chunks
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


async def test_a_sandbox_with_a_volume_is_refused_in_words(volume):
    with pytest.raises(e2b.SandboxException, match="501: .*'volumeMounts'"):
        await Sandbox.create(volume_mounts={"/mnt": volume.name})
