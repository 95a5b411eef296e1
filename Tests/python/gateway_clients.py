"""Uses an MCP gateway with the clients that people use, and prints what they saw as one JSON object.

Usage: gateway_clients.py CLIENT URL TOKEN TOOL
CLIENT is fastmcp or sdk; TOOL is one that takes a 'text'.
"""

import asyncio
import json
import sys


def client(kind, url, token):
    if kind == "fastmcp":
        from fastmcp import Client
        from fastmcp.client.transports import StreamableHttpTransport

        return Client(StreamableHttpTransport(url, headers={"Authorization": f"Bearer {token}"}))
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    # Its own five seconds are soon over where servers are started by the first request.
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60)
    return Client(streamable_http_client(url, http_client=http))


async def main():
    kind, url, token, tool = sys.argv[1:]
    async with asyncio.timeout(60):
        async with client(kind, url, token) as gateway:
            listed = await gateway.list_tools()
            result = await gateway.call_tool(tool, {"text": "hello"})
            print(json.dumps({
                "tools": [entry.name for entry in getattr(listed, "tools", listed)],
                "text": result.content[0].text,
            }))


asyncio.run(main())
