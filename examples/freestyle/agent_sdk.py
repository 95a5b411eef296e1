"""The Claude Agent SDK on this side, Claude Code in the machine, and this program asked before each tool.

The guide bridges the two with a terminal in raw mode. `martlet-claude` is a program in its place: three streams, an end of
input, signals and the exit status. It needs `claude-agent-sdk` from PyPI.
"""

import asyncio
import os
import shutil

from claude_agent_sdk import (
    AssistantMessage,
    ClaudeAgentOptions,
    ClaudeSDKClient,
    PermissionResultAllow,
    PermissionResultDeny,
    ResultMessage,
    TextBlock,
)

from freestyle import vms

SNAPSHOT = os.environ.get("FREESTYLE_SNAPSHOT", "claude-code")


async def can_use_tool(name, given, context):
    """Reading is fine; whatever removes something is not."""
    refused = "rm " in given.get("command", "")
    print(f"{'refused' if refused else 'allowed'}: {name} {given.get('command') or given.get('file_path')}")
    if refused:
        return PermissionResultDeny(message="This program lets nobody remove files.")
    return PermissionResultAllow()


async def main(vm):
    options = ClaudeAgentOptions(
        cli_path=shutil.which("martlet-claude"),
        can_use_tool=can_use_tool,
        env={"MARTLET_SANDBOX": vm.id, "MARTLET_CLAUDE_USER": "claude", "MARTLET_CLAUDE_DIR": "/srv/app"},
    )
    async with ClaudeSDKClient(options) as client:
        await client.query("Tidy up the drafts of this project")
        async for message in client.receive_response():
            if isinstance(message, AssistantMessage):
                for block in message.content:
                    if isinstance(block, TextBlock):
                        print("claude:", block.text)
            elif isinstance(message, ResultMessage):
                print("ended:", message.subtype)


with vms.create(snapshotId=SNAPSHOT, idleTimeoutSeconds=None) as vm:
    vm.user("claude").exec("mkdir -p /srv/app && cd /srv/app && touch draft-1 draft-2 report")
    asyncio.run(main(vm))
    print("left:", vm.exec("ls /srv/app")["stdout"].split())
