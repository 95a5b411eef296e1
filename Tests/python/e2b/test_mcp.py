"""MCP servers in a sandbox, served as one."""

import json
import os

import e2b
import pytest

PROGRAM = open(os.path.join(os.path.dirname(__file__), "..", "mcp_server.py")).read()


def server(name):
    return {"command": "python3", "args": ["-c", PROGRAM, name]}


async def ask(sandbox, token, message, session=None):
    """Asks the gateway from inside, and gives the head and the answer."""
    headers = [f"Authorization: Bearer {token}"] + ([f"Mcp-Session-Id: {session}"] if session else [])
    line = "curl -sS -D /tmp/head -d @/tmp/message http://127.0.0.1:50005/mcp" + "".join(f" -H '{head}'" for head in headers)
    await sandbox.files.write("/tmp/message", json.dumps({"jsonrpc": "2.0", **message}))
    answer = (await sandbox.commands.run(line)).stdout
    return await sandbox.files.read("/tmp/head"), json.loads(answer)


async def test_servers_of_a_sandbox_are_one(fresh):
    sandbox = await fresh(mcp={"one": server("one"), "two": server("two")}, timeout=300)
    token = await sandbox.get_mcp_token()
    assert await sandbox.files.read("/etc/mcp-gateway/.token", user="root") == token
    url = sandbox.get_mcp_url()
    assert "50005-" in (url if isinstance(url, str) else await url)

    hello = {"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}}
    head, greeting = await ask(sandbox, token, hello)
    assert greeting["result"]["protocolVersion"] == "2025-06-18"
    session = next(line.split(": ")[1] for line in head.splitlines() if line.lower().startswith("mcp-session-id"))
    call = {"id": 2, "method": "tools/call", "params": {"name": "two__echo", "arguments": {"text": "hello"}}}
    _, answer = await ask(sandbox, token, call, session)
    assert answer["result"]["content"][0]["text"] == "two: hello"
    _, refused = await ask(sandbox, "wrong", call, session)
    assert "error" in refused


async def test_a_server_that_is_not_known_fails_the_create(fresh):
    with pytest.raises(e2b.SandboxException, match="There is no server 'nothing'"):
        await fresh(mcp={"nothing": {}})
