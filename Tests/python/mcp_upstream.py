"""An MCP server by FastMCP, as others run them for many: over HTTP, for whoever has the key.

Usage: mcp_upstream.py KEY
It says its address in its first line.
"""

import socket
import sys

import uvicorn
from fastmcp import FastMCP

key = sys.argv[1]
server = FastMCP("upstream")


@server.tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool
def remove_everything() -> str:
    """Removes everything."""
    return "removed"


application = server.http_app(path="/mcp")


async def guarded(scope, receive, send):
    if scope["type"] == "http" and dict(scope["headers"]).get(b"authorization") != f"Bearer {key}".encode():
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    await application(scope, receive, send)


listener = socket.create_server(("127.0.0.1", 0))
print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
uvicorn.Server(uvicorn.Config(guarded, log_level="error", lifespan="on")).run([listener])
