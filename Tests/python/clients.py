"""Talks to a result server with the clients that people use, and prints what they saw as one JSON object.

Usage: clients.py CLIENT TARGET
CLIENT is fastmcp, or the SDK's client in one of its modes: auto, legacy, or a revision without a handshake.
TARGET is a URL, or the port of a server that speaks the stdio transport.
"""

import asyncio
import json
import os
import sys

GOOD = {"summary": "fine", "issues_found": 2, "recommendations": ["a"]}
BAD = {"summary": "fine", "issues_found": "2", "recommendations": "none"}
RELAY = [os.path.join(os.path.dirname(__file__), "relay.py")]


def fastmcp_client(target):
    from fastmcp import Client
    from fastmcp.client.transports import StdioTransport

    return Client(target if target.startswith("http") else StdioTransport(sys.executable, RELAY + [target]))


def sdk_client(mode, target):
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters

    server = target if target.startswith("http") else StdioServerParameters(command=sys.executable, args=RELAY + [target])
    return Client(server, mode=mode)


async def call(client, name, arguments):
    options = {"raise_on_error": False} if type(client).__module__.startswith("fastmcp") else {}
    result = await client.call_tool(name, arguments, **options)
    return {"isError": bool(result.is_error), "text": result.content[0].text}


async def talk(client):
    listed = await client.list_tools()
    tools = getattr(listed, "tools", listed)
    seen = {
        "revision": getattr(client, "protocol_version", None),
        "tools": [tool.name for tool in tools],
        "required": tools[0].input_schema["required"],
        "bad": await call(client, "submit_result", BAD),
        "good": await call(client, "submit_result", GOOD),
    }
    try:
        seen["unknown"] = await call(client, "other", {})
    except Exception as error:  # whatever class the client gives it
        seen["unknown"] = {"raised": str(error)}
    return seen


async def main():
    kind, target = sys.argv[1:]
    async with asyncio.timeout(60):
        async with fastmcp_client(target) if kind == "fastmcp" else sdk_client(kind, target) as client:
            if kind == "legacy":
                await client.send_ping()
            print(json.dumps(await talk(client)))


asyncio.run(main())
