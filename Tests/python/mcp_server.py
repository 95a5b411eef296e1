"""An MCP server on standard input and output that does what the tests of the gateway ask of it, well and badly.

Usage: mcp_server.py NAME [MARK]
With MARK, a file, it ends at once when that is there, and makes it otherwise.
"""

import json
import os
import sys

name = sys.argv[1]
tools = ["echo", "variables", "progress", "hang", "crash", "flood", "shout", "grow", "heard"]
heard = []


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def text(request, value):
    send({"id": request["id"], "result": {"content": [{"type": "text", "text": value}], "isError": False}})


def call(request):
    params = request["params"]
    tool, arguments = params["name"], params.get("arguments") or {}
    if tool == "echo":
        text(request, f"{name}: {arguments.get('text')}")
    elif tool == "variables":
        text(request, json.dumps(dict(os.environ)))
    elif tool == "progress":
        token = params["_meta"]["progressToken"]
        for step in range(3):
            send({"method": "notifications/progress", "params": {"progressToken": token, "progress": step, "total": 3}})
        text(request, "done")
    elif tool == "hang":
        pass
    elif tool == "crash":
        sys.stderr.write("I fall\n")
        sys.stderr.flush()
        os._exit(3)
    elif tool == "flood":
        while True:
            send({"method": "notifications/message", "params": {"level": "info", "data": "x" * 100}})
    elif tool == "shout":
        sys.stdout.write("x" * (9 << 20))
        sys.stdout.flush()
    elif tool == "grow":
        tools.append("grown")
        send({"method": "notifications/tools/list_changed"})
        text(request, "grown")
    elif tool == "heard":
        text(request, json.dumps(heard))
    else:
        send({"id": request["id"], "error": {"code": -32602, "message": f"no tool {tool}"}})


def answer(request):
    method = request["method"]
    if "id" not in request:
        heard.append(request)
    elif method == "initialize":
        capabilities = {"tools": {"listChanged": True}, "prompts": {}, "resources": {}}
        result = {
            "protocolVersion": request["params"]["protocolVersion"],
            "capabilities": capabilities,
            "serverInfo": {"name": name, "version": "1"},
            "instructions": f"This is {name}.",
        }
        send({"id": request["id"], "result": result})
    elif method == "tools/list":
        # In two pages.
        first = "cursor" not in request.get("params", {})
        part = tools[:2] if first else tools[2:]
        result = {"tools": [{"name": tool, "inputSchema": {"type": "object"}} for tool in part]}
        send({"id": request["id"], "result": {**result, **({"nextCursor": "2"} if first else {})}})
    elif method == "tools/call":
        call(request)
    elif method == "prompts/list":
        send({"id": request["id"], "result": {"prompts": [{"name": "greet"}]}})
    elif method == "prompts/get":
        content = {"type": "text", "text": f"{name} {request['params']['name']}"}
        send({"id": request["id"], "result": {"messages": [{"role": "user", "content": content}]}})
    elif method == "resources/list":
        send({"id": request["id"], "result": {"resources": [{"uri": f"test://{name}/one", "name": "one"}]}})
    elif method == "resources/read":
        contents = [{"uri": request["params"]["uri"], "text": f"read by {name}"}]
        send({"id": request["id"], "result": {"contents": contents}})
    else:
        send({"id": request["id"], "error": {"code": -32601, "message": f"no method {method}"}})


if len(sys.argv) > 2:
    if os.path.exists(sys.argv[2]):
        sys.exit("I do not start twice")
    open(sys.argv[2], "w").close()
print("a greeting that is no message", flush=True)
for line in sys.stdin:
    answer(json.loads(line))
