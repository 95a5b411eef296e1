"""Claude Code's events, each as it happens."""

import os
import json
from e2b import Sandbox
from repository import put_repository

sandbox = Sandbox.create("claude", envs={
    "ANTHROPIC_API_KEY": os.environ["ANTHROPIC_API_KEY"],
})

# Martlet: the guide's sandbox has a repository already.
put_repository(sandbox)

def handle_event(data):
    for line in data.strip().split("\n"):
        if line:
            event = json.loads(line)
            if event["type"] == "assistant":
                usage = event.get("message", {}).get("usage", {})
                print(f"[assistant] tokens: {usage.get('output_tokens')}")
            elif event["type"] == "result":
                print(f"[done] {event['subtype']} in {event['duration_ms']}ms")

result = sandbox.commands.run(
    # Martlet: --verbose, without which today's Claude Code refuses stream-json.
    'cd /home/user/repo && claude --dangerously-skip-permissions --output-format stream-json --verbose -p "Find and fix all TODO comments"',
    on_stdout=handle_event,
)

sandbox.kill()
