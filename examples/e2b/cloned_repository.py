"""Claude Code in a cloned repository, its output as it comes, and what it changed."""

import os
from e2b import Sandbox
from repository import serve_repository

sandbox = Sandbox.create("claude", envs={
    "ANTHROPIC_API_KEY": os.environ["ANTHROPIC_API_KEY"],
}, timeout=600)

# Martlet: the guide has the URL here, and the token of a real forge.
url = os.environ.get("REPOSITORY_URL") or serve_repository(sandbox)

sandbox.git.clone(url,
    path="/home/user/repo",
    username="x-access-token",
    password=os.environ.get("GITHUB_TOKEN", "any"),
    depth=1,
)

result = sandbox.commands.run(
    'cd /home/user/repo && claude --dangerously-skip-permissions -p "Add error handling to all API endpoints"',
    on_stdout=lambda data: print(data, end=""),
)

diff = sandbox.commands.run("cd /home/user/repo && git diff")
print(diff.stdout)

sandbox.kill()
