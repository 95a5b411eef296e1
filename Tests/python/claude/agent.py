"""An agent of the Claude Agent SDK, as its users write it; only the path of the CLI is another. Prints what happened as JSON."""

import asyncio
import json
import sys

from claude_agent_sdk import (
    AssistantMessage,
    ClaudeAgentOptions,
    ClaudeSDKClient,
    HookMatcher,
    PermissionResultAllow,
    PermissionResultDeny,
    ResultMessage,
    StreamEvent,
    SystemMessage,
    ToolResultBlock,
    UserMessage,
    create_sdk_mcp_server,
    tool,
)

seen = {"permissions": [], "hooks": [], "sums": [], "results": [], "tool_results": [], "partial": 0, "cwd": None}


@tool("add", "Adds two numbers", {"a": int, "b": int})
async def add(arguments):
    seen["sums"].append(arguments)
    return {"content": [{"type": "text", "text": f"the sum is {arguments['a'] + arguments['b']}"}]}


async def may_use(name, arguments, context):
    seen["permissions"].append([name, arguments])
    if "forbidden" in json.dumps(arguments):
        return PermissionResultDeny(message="not while I watch")
    # What the agent runs is what was allowed, and not what it asked for.
    changed = dict(arguments, command=arguments["command"].replace("ORIGINAL", "changed"))
    return PermissionResultAllow(updated_input=changed)


async def before_tool(hook_input, tool_use_id, context):
    seen["hooks"].append(hook_input["tool_name"])
    return {}


def note(message):
    if isinstance(message, StreamEvent):
        seen["partial"] += 1
    elif isinstance(message, SystemMessage) and message.subtype == "init":
        seen["cwd"] = message.data["cwd"]
    elif isinstance(message, ResultMessage):
        seen["results"].append([message.subtype, message.result])
    elif isinstance(message, UserMessage) and isinstance(message.content, list):
        seen["tool_results"] += [str(block.content) for block in message.content if isinstance(block, ToolResultBlock)]


async def main():
    options = ClaudeAgentOptions(
        cli_path=sys.argv[1],
        can_use_tool=may_use,
        hooks={"PreToolUse": [HookMatcher(hooks=[before_tool])]},
        mcp_servers={"sums": create_sdk_mcp_server(name="sums", version="1", tools=[add])},
        allowed_tools=["mcp__sums__add"],
        include_partial_messages=True,
        setting_sources=[],
    )
    async with ClaudeSDKClient(options) as client:
        await client.query("Add, and look around")
        async for message in client.receive_response():
            note(message)
        await client.query("Wait")
        async for message in client.receive_response():
            note(message)
            if isinstance(message, AssistantMessage):
                await client.interrupt()
        await client.query("Say good-bye")
        async for message in client.receive_response():
            note(message)
    print(json.dumps(seen))


asyncio.run(main())
