"""The article's seven steps: an MCP server in the sandbox, which the agent calls with its result."""

# Martlet: what the article's listing takes from around it.
import asyncio
import json
import os
from pathlib import Path

api_key = os.environ["ANTHROPIC_API_KEY"]
mcp_server_code = Path(__file__).with_name("mcp_server.py").read_text()

from e2b_code_interpreter import AsyncSandbox

async def analyze_code(code_files: dict[str, str]) -> dict:
    # 1. Create sandbox with our custom template
    sandbox = await AsyncSandbox.create(
        template="claude-code-with-mcp",
        envs={"ANTHROPIC_API_KEY": api_key}
    )
    
    # 2. Copy code files to sandbox
    for filename, content in code_files.items():
        await sandbox.files.write(f"/workspace/{filename}", content)
    
    # 3. Setup MCP server
    await sandbox.files.write("/tmp/mcp_server.py", mcp_server_code)
    await sandbox.commands.run(
        "claude mcp add CodeAnalyzer -s user -- python /tmp/mcp_server.py"
    )
    
    # 4. Run Claude Code
    prompt = """Analyze the code in /workspace for:
    - Code quality issues
    - Security vulnerabilities  
    - Performance problems
    
    When done, call the save_analysis tool with your findings."""
    
    await sandbox.files.write("/tmp/prompt.txt", prompt)
    
    result = await sandbox.commands.run(
        "cd /workspace && cat /tmp/prompt.txt | claude --print "
        "--output-format json --max-turns 10 "
        "--dangerously-skip-permissions",
        timeout=0
    )
    
    # 5. Read structured results
    analysis = await sandbox.files.read("/tmp/analysis_results.json")
    data = json.loads(analysis)
    
    # 6. Cleanup
    await sandbox.kill()
    
    return data


# Martlet: the call.
if __name__ == "__main__":
    here = Path(__file__).parent
    files = {path.name: path.read_text() for path in here.glob("*.py")}
    print(json.dumps(asyncio.run(analyze_code(files)), indent=2))
