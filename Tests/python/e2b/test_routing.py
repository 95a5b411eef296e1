"""The ways into a sandbox: its ports, by header or by host name, and signed URLs."""

import asyncio
import hashlib
import json
import os
import pathlib

import pytest
import websockets

from flavours import Sandbox
from server import IS_TLS, Server, trust

pytestmark = pytest.mark.routed

BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
}
CODE = pathlib.Path(__file__).with_name("guest_server.py").read_text()


async def serve(sandbox, port=3000):
    await sandbox.files.write("/tmp/guest_server.py", CODE)
    await sandbox.commands.run(f"exec python3 /tmp/guest_server.py {port}", background=True, timeout=0)
    await sandbox.commands.run(f"until ss -Htln 'sport = :{port}' | grep -q .; do sleep 0.1; done")


@pytest.fixture(scope="module")
def guest(sandbox):
    """The shared sandbox with a server on port 3000 of its loopback."""
    from conftest import LOOP

    LOOP.run_until_complete(serve(sandbox))
    return sandbox


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_every_method_reaches_the_guest(server, guest, method):
    answer = await server.ask(guest, 3000, method, "/a%20b/c?x=1&y=%2F", headers={"X-Own": "kept"})
    assert answer.status_code == (201 if method == "PUT" else 200)
    said = answer.json()
    assert (said["method"], said["path"], said["fields"]["x-own"]) == (method, "/a%20b/c?x=1&y=%2F", "kept")


async def test_a_head_has_no_body(server, guest):
    answer = await server.ask(guest, 3000, "HEAD")
    assert answer.status_code == 200 and answer.content == b"" and int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_bodies_pass_whole(server, guest, is_chunked):
    body = os.urandom(3_000_000)

    async def parts():
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    answer = await server.ask(guest, 3000, "POST", "/", content=parts() if is_chunked else body)
    assert answer.json()["bytes"] == len(body)
    assert answer.json()["digest"] == hashlib.sha256(body).hexdigest()


async def test_an_answer_is_passed_on_as_it_comes(server, guest):
    await guest.files.remove("/tmp/go-on")
    url, fields = server.way(guest, 3000)
    async with server.client() as client, client.stream("GET", url + "/slowly", headers=fields) as answer:
        lines = answer.aiter_lines()
        assert await anext(lines) == "data: first"
        await guest.files.write("/tmp/go-on", "")
        assert [line async for line in lines][-2:] == ["data: second", ""]


async def test_web_sockets_pass(server, guest):
    url, fields = server.way(guest, 3000)
    options = {"ssl": trust()} if IS_TLS else {}
    async with websockets.connect(url.replace("http", "ws", 1) + "/echo", additional_headers=fields, **options) as socket:
        for message in ["hello ü", b"\x00\xff" * 1000, "x" * 60_000]:
            await socket.send(message)
            assert await asyncio.wait_for(socket.recv(), 30) == message


async def test_a_closed_port_is_told(server, guest):
    answer = await server.ask(guest, 3999)
    assert answer.status_code == 502
    assert answer.json() == {
        "sandboxId": guest.sandbox_id,
        "message": "The sandbox is running but port is not open",
        "port": 3999,
        "code": 502,
    }
    answer = await server.ask(guest, 3999, headers=BROWSER)
    assert answer.status_code == 502 and answer.headers["content-type"].startswith("text/html")
    assert "3999" in answer.text and guest.sandbox_id in answer.text


async def test_a_sandbox_that_is_gone_is_told(server, fresh):
    sandbox = await fresh()
    await sandbox.kill()
    for port in [3000, 49983]:
        answer = await server.ask(sandbox, port)
        assert answer.status_code == 502
        assert answer.json() == {
            "sandboxId": sandbox.sandbox_id, "message": "The sandbox was not found", "code": 502,
        }
    answer = await server.ask(sandbox, 3000, headers=BROWSER)
    assert answer.status_code == 502 and answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1", ""])
async def test_a_port_that_is_none_is_refused(server, guest, port):
    if IS_TLS:
        pytest.skip("only headers can say it")
    fields = {"E2b-Sandbox-Id": guest.sandbox_id, "E2b-Sandbox-Port": port}
    async with server.client() as client:
        answer = await client.get(os.environ["E2B_SANDBOX_URL"], headers=fields)
    assert answer.status_code == 400


async def test_the_agent_needs_the_token(server, guest):
    assert (await server.ask(guest, 49983, path="/health")).status_code == 204
    for headers in [{}, {"X-Access-Token": "wrong"}]:
        answer = await server.ask(guest, 49983, path="/metrics", headers=headers)
        assert answer.status_code == 401 and answer.json()["code"] == 401
        answer = await server.ask(
            guest, 49983, "POST", "/process.Process/List", headers={"Content-Type": "application/json", **headers}, json={}
        )
        assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/init", "/freeze", "/unfreeze", "/upgrade", "/martlet/connect?port=22", "/martlet.v1.Guest/Release"])
async def test_what_is_the_hosts_is_not_there(server, guest, path):
    answer = await server.ask(guest, 49983, "POST", path, json={})
    assert answer.status_code in (401, 404)
    assert (await guest.commands.run("echo unharmed")).stdout == "unharmed\n"


async def test_traffic_can_need_a_token(server, fresh):
    sandbox = await fresh(network={"allow_public_traffic": False})
    await serve(sandbox)
    token = sandbox.traffic_access_token
    assert token
    answer = await server.ask(sandbox, 3000)
    assert answer.status_code == 403 and "'e2b-traffic-access-token' is missing" in answer.text
    answer = await server.ask(sandbox, 3000, headers={"e2b-traffic-access-token": "wrong"})
    assert answer.status_code == 403 and "not valid" in answer.text
    answer = await server.ask(sandbox, 3000, headers={"e2b-traffic-access-token": token})
    assert answer.status_code == 200
    assert (await server.ask(sandbox, 49983, path="/health")).status_code == 204


async def test_traffic_needs_none_otherwise(guest):
    assert guest.traffic_access_token is None


async def test_the_guest_can_be_told_another_host(server, fresh):
    sandbox = await fresh(network={"mask_request_host": "app-${PORT}.example.com"})
    await serve(sandbox)
    assert (await server.ask(sandbox, 3000)).json()["host"] == "app-3000.example.com"


async def test_sandboxes_do_not_see_each_other(server, guest, fresh):
    other = await fresh()
    assert (await server.ask(other, 3000)).status_code == 502
    token = {"X-Access-Token": guest._envd_access_token if hasattr(guest, "_envd_access_token") else ""}
    assert (await server.ask(other, 49983, path="/metrics", headers=token)).status_code == 401


# Signed URLs


async def test_signed_urls_download_and_upload(server, sandbox, place):
    await sandbox.files.write(f"{place}/a b.txt", "signed")
    async with server.client() as client:
        answer = await client.get(sandbox.download_url(f"{place}/a b.txt"))
        assert (answer.status_code, answer.text) == (200, "signed")
        answer = await client.get(sandbox.download_url(f"{place}/a b.txt", user="user", use_signature_expiration=600))
        assert (answer.status_code, answer.text) == (200, "signed")
        url = sandbox.upload_url(f"{place}/up.txt", use_signature_expiration=600)
        answer = await client.post(url, files={"file": ("any", b"uploaded")})
        assert answer.status_code == 200 and answer.json()[0]["path"] == f"{place}/up.txt"
    assert await sandbox.files.read(f"{place}/up.txt") == "uploaded"


async def test_signed_urls_are_for_what_they_say(server, sandbox, place):
    await sandbox.files.write(f"{place}/a", "a")
    async with server.client() as client:
        url = sandbox.download_url(f"{place}/a")
        for changed in [url.replace("v1_", "v1_x"), url.replace("%2Fa&", "%2Fb&"), url + "&username=root"]:
            answer = await client.get(changed)
            assert answer.status_code == 401 and answer.json()["code"] == 401, changed
        assert (await client.post(url, files={"file": ("a", b"b")})).status_code == 401
        bare = url[: url.index("&signature")]
        assert (await client.get(bare)).status_code == 401
    assert await sandbox.files.read(f"{place}/a") == "a"


async def test_signed_urls_expire(server, sandbox, place):
    await sandbox.files.write(f"{place}/a", "a")
    async with server.client() as client:
        answer = await client.get(sandbox.download_url(f"{place}/a", use_signature_expiration=-10))
    assert answer.status_code == 401
    assert json.loads(answer.text) == {"code": 401, "message": "signature is already expired"}


async def test_a_download_can_be_a_part(server, sandbox, place):
    await sandbox.files.write(f"{place}/a", "0123456789")
    async with server.client() as client:
        answer = await client.get(sandbox.download_url(f"{place}/a"), headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.text) == (206, "234")
    assert answer.headers["content-range"] == "bytes 2-4/10"
