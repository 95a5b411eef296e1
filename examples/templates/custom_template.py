"""A template of one's own on top of `claude`: the project is in every sandbox from its first moment, and its server runs."""

import os
from pathlib import Path

from e2b import Sandbox, Template, wait_for_port

here = Path(__file__).parent

template = (
    Template(file_context_path=here)
    .from_template("claude")
    .set_envs({"SHOP": "/home/user/shop"})
    .copy("shop", "/home/user/shop", user="user")
    .set_workdir("/home/user/shop")
    .run_cmd(
        "git init --quiet && git add --all"
        " && git -c user.name=shop -c user.email=shop@localhost commit --quiet --message start"
    )
    .set_start_cmd("python3 shop.py", wait_for_port(8000))
)

build = Template.build(
    template,
    "shop",
    tags=["v1"],
    on_build_logs=lambda entry: print(f"[{entry.level}] {entry.message}"),
)
print(f"built {build.name}")

sandbox = Sandbox.create("shop:v1", envs={"ANTHROPIC_API_KEY": os.environ["ANTHROPIC_API_KEY"]})
try:
    # It was started when the template was made, and has run ever since.
    print(sandbox.commands.run("curl -s localhost:8000/health; echo; pwd; git log --format=%s").stdout)
    result = sandbox.commands.run('claude --dangerously-skip-permissions -p "What did the shop take in all its orders?"')
    print(result.stdout)
finally:
    sandbox.kill()
